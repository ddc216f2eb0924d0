import { Problem } from '../problems/problem.ts';

const RETRY_AFTER_S = 5;

/** How many streams somebody may have open at this process. Each holds a connection and a bounded buffer. */
export class StreamPlaces {
  readonly #most: number;
  readonly #taken = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns what to call when the stream is over, once @throws Problem too-many-streams */
  take(name: string): () => void {
    const taken = this.#taken.get(name) ?? 0;
    if (taken >= this.#most) {
      throw new Problem('too-many-streams', `${this.#most} streams are open already`, {
        headers: { 'retry-after': String(RETRY_AFTER_S) },
      });
    }
    this.#taken.set(name, taken + 1);
    return () => this.#free(name);
  }

  #free(name: string): void {
    const left = (this.#taken.get(name) ?? 1) - 1;
    if (left > 0) this.#taken.set(name, left);
    else this.#taken.delete(name);
  }
}
