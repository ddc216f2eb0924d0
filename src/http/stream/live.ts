import type { Sink } from './sink.ts';

/** Without anything to send, a stream says after so many milliseconds that it is still there. */
const KEEP_ALIVE_MS = 10_000;

/** What every stream is sent with: nobody on the way may keep it, compress it or hold it back. */
export const AT_ONCE = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' } as const;

/** What is sent as it comes. */
export interface Live<Item> {
  /** What comes before all items; empty for nothing. */
  opening: string;
  items: AsyncIterable<Item>;
  frame(item: Item): string;
  /** What says "still here". */
  keepAlive: string;
  /** Default: 10000. */
  keepAliveMs: number | undefined;
}

/** Writes all that comes, at the client's pace, and a sign of life whenever nothing has come for a while. */
export async function pumpLive<Item>(sink: Sink, live: Live<Item>): Promise<void> {
  const { opening, items, frame, keepAlive, keepAliveMs = KEEP_ALIVE_MS } = live;
  const heartbeat = setInterval(() => sink.ping(keepAlive), keepAliveMs);
  try {
    if (opening !== '') await sink.write(opening);
    for await (const item of items) {
      const written = sink.write(frame(item));
      heartbeat.refresh();
      if (written !== undefined) await written;
    }
  } finally {
    clearInterval(heartbeat);
  }
}
