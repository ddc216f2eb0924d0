import { setTimeout as delay } from 'node:timers/promises';
import type { Segment } from '../executions/hand-over.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import { noLongerOwned } from '../executions/ownership.ts';
import type { ExecutionPlan } from '../executions/prepare-execution.ts';

/** An execution of this process with what its segment works with. */
export interface Held {
  readonly owned: OwnedExecution;
  plan?: ExecutionPlan | undefined;
}

/** An execution under the attempt by which a process has it. */
export interface HeldAttempt {
  readonly executionNo: number;
  readonly attempt: number;
}

/** The executions that this process runs, by segment: the next one may come before the last has left. */
export class OwnedExecutions {
  readonly #held = new Map<string, Held>();
  readonly #handOver: (owned: OwnedExecution) => Promise<void>;
  #draining = false;

  /** @param handOver gives an execution to another worker; used by a drain */
  constructor(handOver: (owned: OwnedExecution) => Promise<void>) {
    this.#handOver = handOver;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  get size(): number {
    return this.#held.size;
  }

  add(owned: OwnedExecution): void {
    this.#held.set(keyOf(owned.claimed.id, owned.claimed.segment), { owned });
  }

  get(executionId: string, segment: number): Held | undefined {
    return this.#held.get(keyOf(executionId, segment));
  }

  /** Forgets a segment that has ended here. @returns whether it was held. */
  release(executionId: string, segment: number): boolean {
    const held = this.get(executionId, segment);
    if (held === undefined) return false;
    this.#held.delete(keyOf(executionId, segment));
    held.owned.release();
    return true;
  }

  /** Ends the work for a segment, if it is held: somebody else has ended or taken the execution. */
  abandon({ executionId, segment }: Segment, reason: Error): void {
    this.get(executionId, segment)?.owned.lose(reason);
  }

  /** Whether this process works on an execution. */
  holds(executionNo: number): boolean {
    return this.#live().some(({ claimed }) => claimed.no === executionNo);
  }

  /** The attempts that this process believes are the current ones. */
  attempts(): HeldAttempt[] {
    return this.#live().map(({ claimed: { no, attempt } }) => ({ executionNo: no, attempt }));
  }

  /** Ends the work for attempts that turned out not to be the current ones. */
  loseSuperseded(superseded: readonly HeldAttempt[]): void {
    for (const { executionNo, attempt } of superseded) {
      const owned = this.#live().find(
        ({ claimed }) => claimed.no === executionNo && claimed.attempt === attempt,
      );
      owned?.lose(noLongerOwned(owned.claimed.id));
    }
  }

  #live(): OwnedExecution[] {
    return [...this.#held.values()].flatMap(({ owned }) => (owned.signal.aborted ? [] : [owned]));
  }

  /** Ends all work at once: the lease is lost, or the process ends. */
  loseAll(reason: Error): void {
    for (const { owned } of this.#held.values()) owned.lose(reason);
  }

  /**
   * Hands everything over: what is between two steps at once, the rest at the end of its step, and what still
   * works after `graceMs` in the middle of it.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const { owned } of this.#held.values()) if (owned.busySteps === 0) await this.#handOver(owned);
    const deadline = performance.now() + graceMs;
    while (this.#held.size > 0 && performance.now() < deadline) await delay(20);
    for (const { owned } of this.#held.values()) await this.#handOver(owned);
  }

  /** Between two steps of a draining process: hands over instead of going on. @returns whether it did. */
  async leaveIfDraining(owned: OwnedExecution): Promise<boolean> {
    if (!this.#draining || owned.busySteps > 0) return false;
    await this.#handOver(owned);
    return true;
  }
}

function keyOf(executionId: string, segment: number): string {
  return `${executionId}:${segment}`;
}
