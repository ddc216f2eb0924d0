import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { Problem } from '../problems/problem.ts';
import type { DecisionDeps } from './decide-approval.ts';
import { expireApproval, findOverdue, type Overdue } from './expire-approvals.ts';

/** Overdue approvals that are looked at in one pass. */
const BATCH = 200;
/** Milliseconds between two looks: one query over an index that holds only what can expire. */
const INTERVAL_MS = 1000;

export interface ApprovalExpirerOptions {
  db: Database;
  decisions: DecisionDeps;
  logger: Logger;
  intervalMs?: number;
}

/**
 * Decides what nobody decided in time. Every worker has one; the due time is a column, so that it holds although
 * every process was down when it came.
 */
export class ApprovalExpirer {
  readonly #options: ApprovalExpirerOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: ApprovalExpirerOptions) {
    this.#options = options;
  }

  /** Looks at once, and from then on at the interval. */
  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** One pass. @returns how many it decided */
  async expire(): Promise<number> {
    const { db, logger } = this.#options;
    try {
      let count = 0;
      for (const overdue of await findOverdue(db, BATCH)) {
        if (this.#stopped.signal.aborted) break;
        if (await this.#decide(overdue)) count += 1;
      }
      return count;
    } catch (error) {
      if (!isTransient(error)) logger.error({ err: error }, 'approvals.expiry-failed');
      return 0;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // After a full batch there may be more: what passed while everything was down.
      if ((await this.expire()) < BATCH) await pause(this.#options.intervalMs ?? INTERVAL_MS, signal);
    }
  }

  /** One that cannot be decided must not keep the others waiting. */
  async #decide(overdue: Overdue): Promise<boolean> {
    const { db, decisions, logger } = this.#options;
    const { approvalId, executionId } = overdue;
    try {
      const decided = await expireApproval(db, decisions, overdue);
      if (decided === undefined) return false;
      logger.info({ approvalId, executionId, status: decided.approval.status }, 'approval.expired');
      return true;
    } catch (error) {
      if (isTransient(error)) throw error;
      // Somebody decided it first.
      if (!(error instanceof Problem))
        logger.error({ err: error, approvalId, executionId }, 'approvals.expiry-failed');
      return false;
    }
  }
}
