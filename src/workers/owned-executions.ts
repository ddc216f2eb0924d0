import { setTimeout as delay } from 'node:timers/promises';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import type { ExecutionPlan } from '../executions/prepare-execution.ts';

/** An execution of this process with what its segment works with. */
export interface Held {
  readonly owned: OwnedExecution;
  plan?: ExecutionPlan | undefined;
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
