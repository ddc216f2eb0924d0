import type { LeaseCheck } from './lease-check.ts';

/** `setTimeout` takes no longer one; looked at again then. */
const LONGEST_LOOK_MS = 60_000;

/** What ends a tool call from outside, beside the end of its execution: its time, and the worker's lease. */
export class CallLimits {
  readonly #controller = new AbortController();
  readonly #lease: LeaseCheck;
  readonly #timeout: NodeJS.Timeout;
  #look: NodeJS.Timeout | undefined;
  #reached: 'timeout' | 'lease' | undefined;

  /** Begins to count: made synchronously before the call. */
  constructor(timeoutMs: number, lease: LeaseCheck) {
    this.#lease = lease;
    this.#timeout = setTimeout(() => this.#end('timeout'), timeoutMs);
    this.#watchLease();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Which limit ended the call, if one did. */
  get reached(): 'timeout' | 'lease' | undefined {
    return this.#reached;
  }

  stop(): void {
    clearTimeout(this.#timeout);
    clearTimeout(this.#look);
  }

  #watchLease(): void {
    const sureFor = this.#lease.sureForMs();
    if (sureFor <= 0) this.#end('lease');
    else this.#look = setTimeout(() => this.#watchLease(), Math.min(sureFor, LONGEST_LOOK_MS));
  }

  #end(limit: 'timeout' | 'lease'): void {
    this.#reached ??= limit;
    this.#controller.abort(new Error(`The tool call was ended by its ${limit}`));
  }
}
