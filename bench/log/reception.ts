import { indexIn, madeAtIn, sharedNow } from './stamp.ts';

/** What all readers of a process have got. */
export interface Received {
  /** Milliseconds from append to reader, of the chunks that were made in the window. */
  latencies: Float64Array;
  /** Chunks that came in the window. */
  delivered: number;
  /** The chunks that each reader has, from the first on without a gap. */
  counts: number[];
  doubled: number;
  disordered: number;
}

/** Checks that each reader gets chunk 0, 1, 2 … once and in order, and how long each was under way. */
export class Reception {
  #latencies: number[] = [];
  #next: number[];
  #total = 0;
  #delivered = 0;
  #doubled = 0;
  #disordered = 0;
  #from = Number.POSITIVE_INFINITY;
  #to = Number.POSITIVE_INFINITY;
  readonly #before: number;

  /** @param before rows that the logs had already */
  constructor(readers: number, before = 0) {
    this.#next = Array.from({ length: readers }, () => 0);
    this.#before = before;
  }

  /** How many chunks came, over all readers. */
  get total(): number {
    return this.#total;
  }

  /** Counts from then to then, by `sharedNow`. */
  count(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  /** A reader got a row: its seq, and its serialized chunk, which stands in `text` at `at`. */
  take(reader: number, seq: number, text: string, at = 0): void {
    const now = sharedNow();
    const index = indexIn(text, at);
    const expected = this.#next[reader] ?? 0;
    if (index < expected) this.#doubled += 1;
    else if (index > expected || seq !== this.#before + index + 1) this.#disordered += 1;
    else this.#next[reader] = index + 1;
    this.#total += 1;
    if (now >= this.#from && now < this.#to) this.#delivered += 1;
    const madeAt = madeAtIn(text, at);
    if (madeAt >= this.#from && madeAt < this.#to) this.#latencies.push(now - madeAt);
  }

  get received(): Received {
    return {
      latencies: Float64Array.from(this.#latencies),
      delivered: this.#delivered,
      counts: this.#next,
      doubled: this.#doubled,
      disordered: this.#disordered,
    };
  }
}
