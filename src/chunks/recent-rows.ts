import { endOf, type LogRow } from './row.ts';

/** Rows kept per followed execution; a reader that is further behind reads the table. */
const KEPT_BYTES = 64 * 1024;

/** What a reader follows: recent rows from memory and wake-ups. Shared by all readers of one execution. */
export interface Follower {
  /** The rows that hold `cursor` + 1 and what comes after it, or none: then the table tells. */
  recent(cursor: number): readonly LogRow[];
  /** Resolves at the next news, after `ms`, or when the signal aborts; at once if there was news since the last call. */
  news(ms: number, signal: AbortSignal): Promise<void>;
  /** The table has nothing after `cursor`: what comes next is news, by whichever process. */
  caughtUp(cursor: number): void;
  close(): void;
}

interface Followed {
  /** The last seq that memory, or a reader that has read the table to its end, knows of; none knows yet: undefined. */
  tail: number | undefined;
  /** The greatest seq that another process has told of. */
  heard: number;
  rows: LogRow[];
  bytes: number;
  readers: Set<Reader>;
}

interface Reader {
  fresh: boolean;
  wake: (() => void) | undefined;
}

/**
 * Committed rows on their way from the log's writer to the readers in this process. Holds nothing for an
 * execution that nobody follows, and one bounded stretch for all its readers together: a slow reader costs no
 * memory. News is only a hint (L3 is the caller's: rows are published after their commit).
 */
export class RecentRows {
  readonly #followed = new Map<number, Followed>();
  #onFirstReader: (() => void) | undefined;

  /** Hands committed rows to the readers; those that memory has already, by another way, are passed over. */
  publish(executionNo: number, rows: readonly LogRow[]): void {
    const followed = this.#followed.get(executionNo);
    if (followed === undefined) return;
    for (const row of rows) keep(followed, row);
    for (const reader of followed.readers) rouse(reader);
  }

  /** Calls `listener` whenever somebody begins to read while nobody did. */
  onFirstReader(listener: () => void): void {
    this.#onFirstReader = listener;
  }

  /** The executions that are followed. */
  followed(): Iterable<number> {
    return this.#followed.keys();
  }

  /** Takes note that a log reaches to `lastSeq`. @returns true when its rows have to be read for its readers. */
  heard(executionNo: number, lastSeq: number): boolean {
    const followed = this.#followed.get(executionNo);
    if (followed === undefined) return false;
    followed.heard = Math.max(followed.heard, lastSeq);
    return followed.tail !== undefined && followed.tail < lastSeq;
  }

  /** The last seq that is known of a followed execution; undefined when its readers have yet to find out. */
  tailOf(executionNo: number): number | undefined {
    return this.#followed.get(executionNo)?.tail;
  }

  /** How many readers there are, over all executions. */
  get readers(): number {
    let count = 0;
    for (const followed of this.#followed.values()) count += followed.readers.size;
    return count;
  }

  follow(executionNo: number): Follower {
    const followed = this.#followed.get(executionNo) ?? newlyFollowed();
    if (this.#followed.size === 0) this.#onFirstReader?.();
    this.#followed.set(executionNo, followed);
    const reader: Reader = { fresh: false, wake: undefined };
    followed.readers.add(reader);
    return {
      recent: (cursor) => {
        const rows = rowsFrom(followed.rows, cursor);
        // They reach to the newest row, so that whatever news there was is answered by them.
        if (rows.length > 0) reader.fresh = false;
        return rows;
      },
      news: (ms, signal) => awaitNews(reader, ms, signal),
      caughtUp: (cursor) => {
        followed.tail = Math.max(followed.tail ?? 0, cursor);
        // Said while the table was being read: what it told may be older.
        if (followed.heard > cursor) rouse(reader);
      },
      close: () => {
        followed.readers.delete(reader);
        rouse(reader);
        if (followed.readers.size === 0 && this.#followed.get(executionNo) === followed) {
          this.#followed.delete(executionNo);
        }
      },
    };
  }
}

function newlyFollowed(): Followed {
  return { tail: undefined, heard: 0, rows: [], bytes: 0, readers: new Set() };
}

function keep(followed: Followed, row: LogRow): void {
  if (followed.tail !== undefined && endOf(row) <= followed.tail) return;
  followed.tail = endOf(row);
  const last = followed.rows.at(-1);
  if (last !== undefined && row.seq !== endOf(last) + 1) {
    followed.rows = [];
    followed.bytes = 0;
  }
  followed.rows.push(row);
  followed.bytes += row.chunks.length;
  while (followed.bytes > KEPT_BYTES && followed.rows.length > 1) {
    followed.bytes -= (followed.rows.shift() as LogRow).chunks.length;
  }
}

function rowsFrom(rows: readonly LogRow[], cursor: number): readonly LogRow[] {
  const first = rows.findLastIndex((row) => row.seq <= cursor + 1);
  if (first === -1) return [];
  return endOf(rows[first] as LogRow) > cursor ? rows.slice(first) : rows.slice(first + 1);
}

function rouse(reader: Reader): void {
  reader.fresh = true;
  reader.wake?.();
}

async function awaitNews(reader: Reader, ms: number, signal: AbortSignal): Promise<void> {
  if (!reader.fresh && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      reader.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', reader.wake, { once: true });
    });
    if (reader.wake !== undefined) signal.removeEventListener('abort', reader.wake);
    reader.wake = undefined;
  }
  reader.fresh = false;
}
