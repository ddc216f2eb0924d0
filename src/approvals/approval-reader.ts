import type { Scope } from '../db/scope.ts';

/** Characters that may wait for a reader when the next news comes. The texts are the same for all readers. */
const MAX_WAITING = 4 * 1024 * 1024;

/** Somebody who follows the inbox: what waits for them is bounded, and who is still behind at the next news is given up. */
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

  /** Gives it what one look has brought: approvals as JSON. */
  push(approvals: readonly string[]): void {
    if (this.#hasOverflown) return;
    if (this.#size > MAX_WAITING) return this.#overflow();
    for (const approval of approvals) {
      this.#waiting.push(approval);
      this.#size += approval.length;
    }
    this.#wake();
  }

  /** The approval that has waited longest, once there is one; undefined when the reader has gone. */
  async next(): Promise<string | undefined> {
    while (this.#waiting.length === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#signal.aborted) return undefined;
    const approval = this.#waiting.shift();
    this.#size -= approval?.length ?? 0;
    return approval;
  }

  #overflow(): void {
    this.#hasOverflown = true;
    this.#waiting.length = 0;
    this.#onOverflow();
  }
}
