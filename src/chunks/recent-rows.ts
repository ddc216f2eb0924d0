import { type ChunkRun, endOf } from './row.ts';

/** Characters kept per followed execution; a reader that is further behind reads the table. */
const KEPT_SIZE = 32 * 1024;

/** What a reader follows: recent rows from memory and wake-ups. Shared by all readers of one execution. */
export interface Follower {
  /** The rows that hold `cursor` + 1 and what comes after it, or none: then the table tells. */
  recent(cursor: number): readonly ChunkRun[];
  /**
   * Resolves with true at the next news, at the abort, or at once if there was news since the last call; with false
   * after `ms`.
   */
  news(ms: number): Promise<boolean>;
  /** The table was looked at and has nothing after `cursor`: what comes next is news, by whichever process. */
  caughtUp(cursor: number): void;
  /** Whether something other than rows was new since the table was looked at the last time. */
  readonly hasChange: boolean;
  /** Whether others follow the same execution in this process. */
  readonly isShared: boolean;
  close(): void;
}

/** Hears how long after its commit a row reached a reader, in seconds. */
export type OnDelivery = (seconds: number) => void;

interface Followed {
  /** The last seq that memory, or a reader that has read the table to its end, knows of; none knows yet: undefined. */
  tail: number | undefined;
  /** The greatest seq that another process has told of. */
  heard: number;
  /** When the newest rows were committed, by this process' monotonic clock; undefined when it cannot be told. */
  committedAt: number | undefined;
  /** When there was news the last time, by the same clock. */
  newsAt: number;
  rows: ChunkRun[];
  size: number;
  readers: Set<Reader>;
}

/**
 * Committed rows on their way from the log's writer to the readers in this process. Holds nothing for an
 * execution that nobody follows, and one bounded stretch for all its readers together: a slow reader costs no
 * memory. News is only a hint (L3 is the caller's: rows are published after their commit).
 */
export class RecentRows {
  readonly #followed = new Map<number, Followed>();
  readonly #onDelivery: OnDelivery;
  #readers = 0;
  #onFirstReader: (() => void) | undefined;

  constructor({ onDelivery = () => undefined }: { onDelivery?: OnDelivery } = {}) {
    this.#onDelivery = onDelivery;
  }

  /**
   * Hands committed rows to the readers; those that memory has already, by another way, are passed over. Without
   * rows it says that something else has changed.
   * @param ageMs milliseconds since their commit; null when that is not known
   */
  publish(executionNo: number, rows: readonly ChunkRun[], ageMs: number | null = 0): void {
    const followed = this.#followed.get(executionNo);
    if (followed === undefined) return;
    followed.committedAt = ageMs === null ? undefined : performance.now() - ageMs;
    followed.newsAt = performance.now();
    for (const row of rows) keep(followed, row);
    for (const reader of followed.readers) {
      if (rows.length === 0) reader.hasChange = true;
      reader.rouse();
    }
  }

  /** Calls `listener` whenever somebody begins to read while nobody did. */
  onFirstReader(listener: () => void): void {
    this.#onFirstReader = listener;
  }

  /** The executions that are followed, and of which nothing was heard for `quietMs`. */
  followed(quietMs = 0): number[] {
    const since = performance.now() - quietMs;
    const quiet: number[] = [];
    for (const [executionNo, { newsAt }] of this.#followed) if (newsAt <= since) quiet.push(executionNo);
    return quiet;
  }

  /**
   * Takes note that a log reaches to `lastSeq`; with 0, that something else about the execution has changed.
   * @returns true when its rows have to be read for its readers
   */
  heard(executionNo: number, lastSeq: number): boolean {
    const followed = this.#followed.get(executionNo);
    if (followed === undefined) return false;
    if (lastSeq === 0) this.publish(executionNo, [], null);
    followed.heard = Math.max(followed.heard, lastSeq);
    return followed.tail !== undefined && followed.tail < lastSeq;
  }

  /** The last seq that is known of a followed execution; undefined when its readers have yet to find out. */
  tailOf(executionNo: number): number | undefined {
    return this.#followed.get(executionNo)?.tail;
  }

  /** How many readers there are, over all executions. */
  get readers(): number {
    return this.#readers;
  }

  /** How many chunks the slowest reader is behind what is known of its log. */
  get greatestLag(): number {
    let greatest = 0;
    for (const { tail = 0, readers } of this.#followed.values()) {
      for (const { cursor } of readers) greatest = Math.max(greatest, tail - cursor);
    }
    return greatest;
  }

  /** @param signal ends every wait for news */
  follow(executionNo: number, signal?: AbortSignal): Follower {
    const followed = this.#followed.get(executionNo) ?? newlyFollowed();
    if (this.#followed.size === 0) this.#onFirstReader?.();
    this.#followed.set(executionNo, followed);
    const reader = new Reader(signal);
    followed.readers.add(reader);
    this.#readers += 1;
    return {
      recent: (cursor) => {
        reader.cursor = cursor;
        const rows = rowsFrom(followed.rows, cursor);
        if (rows.length === 0) return rows;
        // They reach to the newest row, so that whatever news of rows there was is answered by them.
        reader.isFresh = false;
        if (followed.committedAt !== undefined)
          this.#onDelivery((performance.now() - followed.committedAt) / 1000);
        return rows;
      },
      news: (ms) => reader.news(ms),
      get hasChange() {
        return reader.hasChange;
      },
      get isShared() {
        return followed.readers.size > 1;
      },
      caughtUp: (cursor) => {
        reader.cursor = cursor;
        reader.hasChange = false;
        raiseTail(followed, cursor);
        // Said while the table was being read: what it told may be older.
        if (followed.heard > cursor) reader.rouse();
      },
      close: () => this.#leave(executionNo, followed, reader),
    };
  }

  #leave(executionNo: number, followed: Followed, reader: Reader): void {
    if (!followed.readers.delete(reader)) return;
    this.#readers -= 1;
    reader.close();
    if (followed.readers.size === 0 && this.#followed.get(executionNo) === followed) {
      this.#followed.delete(executionNo);
    }
  }
}

const NEWS = Promise.resolve(true);

/** One reader's waiting: a timer and a listener for its whole life, since it waits for each row anew. */
class Reader {
  cursor = 0;
  isFresh = false;
  /** Something other than rows is new: rows are no answer to that, only a look at the table. */
  hasChange = false;
  readonly #signal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #wake: ((byNews: boolean) => void) | undefined;
  readonly rouse = () => {
    this.isFresh = this.#wake === undefined;
    this.#settle(true);
  };

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.rouse, { once: true });
  }

  news(ms: number): Promise<boolean> {
    if (this.isFresh || this.hasChange || this.#signal?.aborted === true) {
      this.isFresh = false;
      return NEWS;
    }
    this.#startTimer(ms);
    return new Promise<boolean>((resolve) => {
      this.#wake = resolve;
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#signal?.removeEventListener('abort', this.rouse);
    this.#settle(true);
  }

  /** Once begun it is only pushed on: it may ring while nobody waits. */
  #startTimer(ms: number): void {
    if (this.#timer !== undefined && this.#timerMs === ms) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#timerMs = ms;
    this.#timer = setTimeout(() => this.#settle(false), ms).unref();
  }

  #settle(byNews: boolean): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.(byNews);
  }
}

function newlyFollowed(): Followed {
  return {
    tail: undefined,
    heard: 0,
    committedAt: undefined,
    newsAt: Number.NEGATIVE_INFINITY,
    rows: [],
    size: 0,
    readers: new Set(),
  };
}

/** A reader has found more than memory was told of: nobody will tell the others, who wait for it as well. */
function raiseTail(followed: Followed, seq: number): void {
  if (followed.tail !== undefined && seq <= followed.tail) return;
  followed.tail = seq;
  for (const reader of followed.readers) if (reader.cursor < seq) reader.rouse();
}

function keep(followed: Followed, row: ChunkRun): void {
  if (followed.tail !== undefined && endOf(row) <= followed.tail) return;
  followed.tail = endOf(row);
  const last = followed.rows.at(-1);
  if (last !== undefined && row.seq !== endOf(last) + 1) {
    followed.rows = [];
    followed.size = 0;
  }
  followed.rows.push(row);
  followed.size += row.chunks.length;
  while (followed.size > KEPT_SIZE && followed.rows.length > 1) {
    followed.size -= (followed.rows.shift() as ChunkRun).chunks.length;
  }
}

function rowsFrom(rows: readonly ChunkRun[], cursor: number): readonly ChunkRun[] {
  const first = rows.findLastIndex((row) => row.seq <= cursor + 1);
  if (first === -1) return [];
  return endOf(rows[first] as ChunkRun) > cursor ? rows.slice(first) : rows.slice(first + 1);
}
