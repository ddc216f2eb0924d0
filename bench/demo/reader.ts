import { setTimeout as delay } from 'node:timers/promises';
import { readEvents } from '../sse/read-events.ts';

/** A row of the log as a reader got it. */
export interface Row {
  readonly seq: number;
  readonly data: string;
}

const RETRY_MS = 100;

/**
 * What a client does: reads an execution's stream, remembers the seq of the last row, and when the connection
 * breaks comes back with it. It knows nothing of servers that die.
 */
export class Reader {
  readonly rows: Row[] = [];
  connections = 0;
  readonly #url: string;
  readonly #onReconnect: (cursor: number) => void;

  constructor(url: string, onReconnect: (cursor: number) => void = () => undefined) {
    this.#url = url;
    this.#onReconnect = onReconnect;
  }

  get cursor(): number {
    return this.rows.at(-1)?.seq ?? 0;
  }

  /** Every row once, until `[DONE]`, over as many connections as it takes. */
  async *read(signal: AbortSignal): AsyncGenerator<Row, void, void> {
    while (!signal.aborted) {
      try {
        yield* this.#connect(signal);
        return;
      } catch (error) {
        if (!isCut(error)) throw error;
        await delay(RETRY_MS, undefined, { signal });
      }
    }
  }

  async *#connect(signal: AbortSignal): AsyncGenerator<Row, void, void> {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(this.cursor) };
    const response = await fetch(this.#url, { headers, signal });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    this.connections += 1;
    if (this.connections > 1) this.#onReconnect(this.cursor);
    for await (const { id, data } of readEvents(response)) {
      if (data === '[DONE]') return;
      if (id === undefined) continue;
      const row = { seq: id, data };
      this.rows.push(row);
      yield row;
    }
    throw new TypeError('The stream ended without [DONE]');
  }
}

/** `fetch` has one kind of error for all that can happen to a connection. */
function isCut(error: unknown): boolean {
  return error instanceof TypeError;
}
