import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { accountFor, findUnaccounted } from './account-for.ts';
import { findWork } from './find-work.ts';
import type { FireDeps } from './fire.ts';
import { fireDue } from './fire-due.ts';
import { recordLook } from './record-look.ts';
import { findStartable, startWaiting } from './start-waiting.ts';
import type { FiringRow } from './view.ts';

/** Milliseconds between two looks, unless a schedule is due before: one query. */
const INTERVAL_MS = 500;
/** Milliseconds between two notes of a worker that it is there. */
const NOTE_MS = 1000;
/** What is due while another worker is at it is not asked for at once again. */
const SHORTEST_MS = 20;
/** Schedules that are fired side by side, so that one that waits for a lock does not hold up the others. */
const LANES = 4;
/** Automations that are looked at in one pass. */
const BATCH = 100;

export interface AutomationRunnerOptions {
  db: Database;
  fire: FireDeps;
  /** False from the moment on at which this process should begin nothing new. */
  mayStart: () => boolean;
  logger: Logger;
}

/**
 * Fires what is due, takes note of how executions ended, and starts what waited for that. Every worker has one; what is
 * due when is in the database, by its clock, so that nothing is lost with a process, and a row is taken by one of them.
 */
export class AutomationRunner {
  readonly #options: AutomationRunnerOptions;
  readonly #stopped = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(options: AutomationRunnerOptions) {
    this.#options = options;
  }

  /** Looks at once, and from then on at the interval. That somebody is there is noted also while there is much to do. */
  start(): void {
    if (this.#loops.length > 0) return;
    this.#loops = [this.#repeat(() => this.#note()), this.#repeat(() => this.#look())];
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
  }

  /** @param work returns the milliseconds until it should be done again */
  async #repeat(work: () => Promise<number>): Promise<void> {
    const { mayStart, logger } = this.#options;
    const { signal } = this.#stopped;
    for (let next = 0; !signal.aborted; await pause(next, signal)) {
      next = INTERVAL_MS;
      try {
        if (mayStart()) next = await work();
      } catch (error) {
        if (!isTransient(error)) logger.error({ err: error }, 'automations.failed');
      }
    }
  }

  async #note(): Promise<number> {
    if (await recordLook(this.#options.db)) this.#options.logger.info('automations.back');
    return NOTE_MS;
  }

  async #look(): Promise<number> {
    const { db } = this.#options;
    const work = await findWork(db);
    if (work.due) await this.#fireInLanes();
    if (work.ended) await this.#accountForAll();
    if (work.ended || work.waiting) await this.#startAll();
    return untilNext(work.due ? await findWork(db) : work);
  }

  async #fireInLanes(): Promise<void> {
    const failed: string[] = [];
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => this.#fireAll(failed)));
    for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  }

  /** Until nothing is due. One that cannot be fired must not keep the others waiting. */
  async #fireAll(failed: string[]): Promise<void> {
    const { db, fire, mayStart } = this.#options;
    while (!this.#stopped.signal.aborted && mayStart()) {
      const due = await fireDue(db, fire, failed);
      if (due === undefined) return;
      if ('error' in due) {
        failed.push(due.automationId);
        this.#report(due.error, { automationId: due.automationId });
      } else for (const firing of due.firings) this.#log(firing);
    }
  }

  async #accountForAll(): Promise<void> {
    const { db, fire, logger } = this.#options;
    for (const automationId of await findUnaccounted(db, BATCH)) {
      await this.#one({ automationId }, async () => {
        const paused = await accountFor(db, fire, automationId);
        if (paused !== undefined) logger.warn({ automationId }, 'automation.paused');
      });
    }
  }

  async #startAll(): Promise<void> {
    const { db, fire } = this.#options;
    for (const automationId of await findStartable(db, BATCH)) {
      await this.#one({ automationId }, async () => {
        for (let count = 0; count < BATCH; count += 1) {
          const firing = await startWaiting(db, fire, automationId);
          if (firing === undefined) return;
          this.#log(firing);
        }
      });
    }
  }

  async #one(what: object, work: () => Promise<void>): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      this.#report(error, what);
    }
  }

  /** What a lock or the loss of a connection stopped, the next pass finds again. */
  #report(error: unknown, what: object): void {
    if (isTransient(error)) return;
    this.#options.logger.error({ ...what, err: error }, 'automations.failed');
  }

  #log({ id: firingId, automationId, status, reason, count, executionId }: FiringRow): void {
    const fields = { firingId, automationId, status, reason, count, executionId };
    this.#options.logger.info(fields, 'automation.fired');
  }
}

function untilNext({ nextDueInMs }: { nextDueInMs: number | null }): number {
  return Math.max(SHORTEST_MS, Math.min(INTERVAL_MS, nextDueInMs ?? INTERVAL_MS));
}
