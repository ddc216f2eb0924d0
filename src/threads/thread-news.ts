/** One reader of a thread: what it is told between its looks. */
export interface ThreadFollower {
  /** Something has changed since the last `take`. */
  readonly isFresh: boolean;
  /** To be called before a look: what changes from then on is news again. */
  take(): void;
  /** Executions up to this ordinal are final: nothing of them will change. */
  settle(ordinal: number): void;
  /** Resolves at the next news, at once if there was some since the last `take`, or at the abort. */
  next(): Promise<void>;
  close(): void;
}

/** Where other processes are told that a thread has changed. */
export interface ThreadHints {
  addThread(threadNo: number): void;
}

/**
 * Who in this process follows which thread. News is only a hint that something has changed, in whichever process:
 * an execution or its status, a message, an approval, the thread's end. The tables tell what.
 */
export class ThreadNews {
  readonly #followed = new Map<number, Set<Reader>>();
  readonly #hints: ThreadHints | undefined;
  #readers = 0;
  #onFirstReader: (() => void) | undefined;

  constructor(hints?: ThreadHints) {
    this.#hints = hints;
  }

  /** Tells readers, here and in other processes, of a change that is committed. */
  changed(threadNo: number): void {
    this.heard(threadNo);
    this.#hints?.addThread(threadNo);
  }

  /** Tells the readers in this process. */
  heard(threadNo: number): void {
    for (const reader of this.#followed.get(threadNo) ?? []) reader.rouse();
  }

  /** The threads that are followed, and up to which ordinal all their executions are known to be final. */
  followed(): { threadNo: number; settled: number }[] {
    return [...this.#followed].map(([threadNo, readers]) => ({
      threadNo,
      settled: Math.max(...[...readers].map(({ settled }) => settled)),
    }));
  }

  /** How many readers there are, over all threads. */
  get readers(): number {
    return this.#readers;
  }

  /** Calls `listener` whenever somebody begins to follow while nobody did. */
  onFirstReader(listener: () => void): void {
    this.#onFirstReader = listener;
  }

  /**
   * @param signal ends every wait
   * @param onNews called at every news, for a reader that waits for something else
   */
  follow(threadNo: number, signal: AbortSignal, onNews: () => void): ThreadFollower {
    const reader = new Reader(signal, onNews);
    const readers = this.#followed.get(threadNo) ?? new Set();
    this.#followed.set(threadNo, readers.add(reader));
    this.#readers += 1;
    if (this.#readers === 1) this.#onFirstReader?.();
    const close = () => {
      if (!readers.delete(reader)) return;
      this.#readers -= 1;
      reader.close();
      if (readers.size === 0 && this.#followed.get(threadNo) === readers) this.#followed.delete(threadNo);
    };
    return {
      get isFresh() {
        return reader.isFresh;
      },
      take: () => reader.take(),
      settle: (ordinal) => {
        reader.settled = ordinal;
      },
      next: () => reader.next(),
      close,
    };
  }
}

class Reader {
  isFresh = false;
  settled = 0;
  readonly #signal: AbortSignal;
  readonly #onNews: () => void;
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal, onNews: () => void) {
    this.#signal = signal;
    this.#onNews = onNews;
    signal.addEventListener('abort', this.rouse, { once: true });
  }

  readonly rouse = () => {
    this.isFresh = true;
    this.#wake();
    this.#onNews();
  };

  take(): void {
    this.isFresh = false;
  }

  async next(): Promise<void> {
    if (this.isFresh || this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.rouse);
    this.#wake();
  }
}
