import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Where a stream writes to. */
export interface Sink {
  /** Aborts when the client has gone or the connection was cut. */
  readonly signal: AbortSignal;
  /** Resolves once there is room for more, or nobody to write for; undefined if there is at once. */
  write(text: string): Promise<void> | undefined;
  /** Writes a sign of life, unless the client is behind anyway. */
  ping(text: string): void;
  /** Ends the connection at once, never cleanly. */
  cut(): void;
}

/** A sink into an open response. Holds back its writer, so that a slow client costs one batch of memory. */
export function responseSink(res: ServerResponse, signal: AbortSignal): Sink {
  return {
    signal,
    write(text) {
      if (signal.aborted || res.write(text)) return undefined;
      return once(res, 'drain', { signal }).then(ignore, ignore);
    },
    ping(text) {
      if (!signal.aborted && !res.writableNeedDrain) res.write(text);
    },
    cut: () => void res.destroy(),
  };
}

/** A signal that aborts when the connection of `res` is closed, by whichever side. */
export function closedSignal(res: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (res.closed) controller.abort();
  else res.once('close', () => controller.abort());
  return controller.signal;
}

function ignore(): void {}
