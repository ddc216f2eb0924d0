import type { Scope } from '../db/scope.ts';

/** Characters that may wait for a reader, beside one approval of whatever size. */
const MAX_WAITING = 1024 * 1024;

/** Somebody who follows the inbox: what waits for them is bounded, and who is too slow is given up. */
export class ApprovalReader {
  readonly scope: Scope;
  readonly #signal: AbortSignal;
  readonly #waiting: string[] = [];
  #size = 0;
  #hasOverflown = false;
  #wake = () => {};
  #onOverflow = () => {};

  /** @param signal aborts when the reader has gone */
  constructor(scope: Scope, signal: AbortSignal) {
    this.scope = scope;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Has `cut` called once when the reader is too slow: they miss something from then on. */
  onOverflow(cut: () => void): void {
    if (this.#hasOverflown) cut();
    else this.#onOverflow = cut;
  }

  /** Gives it an approval as JSON. */
  push(approval: string): void {
    if (this.#hasOverflown) return;
    this.#waiting.push(approval);
    this.#size += approval.length;
    if (this.#waiting.length > 1 && this.#size > MAX_WAITING) this.#overflow();
    this.#wake();
  }

  /** All that waits, once there is something; nothing when the reader has gone. */
  async take(): Promise<string[]> {
    while (this.#waiting.length === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#size = 0;
    return this.#signal.aborted ? [] : this.#waiting.splice(0);
  }

  #overflow(): void {
    this.#hasOverflown = true;
    this.#waiting.length = 0;
    this.#onOverflow();
  }
}
