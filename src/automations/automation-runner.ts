import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { pause } from '../pause.ts';
import { accountFor, findUnaccounted } from './account-for.ts';
import { failureLogger, type LogFailure } from './failure-logger.ts';
import { findWork } from './find-work.ts';
import type { FireDeps } from './fire.ts';
import { findDue, fireDue } from './fire-due.ts';
import { readClock, recordLook } from './record-look.ts';
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
  /** Sees all tenants. */
  db: Database;
  databaseOf: (tenantId: string) => Database;
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
  readonly #logFailure: LogFailure;
  #loops: Promise<void>[] = [];

  constructor(options: AutomationRunnerOptions) {
    this.#options = options;
    this.#logFailure = failureLogger(options.logger);
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
    const { mayStart } = this.#options;
    const { signal } = this.#stopped;
    for (let next = 0; !signal.aborted; await pause(next, signal)) {
      next = INTERVAL_MS;
      try {
        if (mayStart()) next = await work();
      } catch (error) {
        this.#logFailure(error);
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
    const isWhole = work.due ? await this.#fireInLanes() : true;
    if (work.ended) await this.#accountForAll();
    if (work.ended || work.waiting) await this.#startAll();
    if (!isWhole) return INTERVAL_MS;
    return untilNext(work.due ? await findWork(db) : work);
  }

  /** Each once: one that cannot be fired must not keep the others waiting. @returns whether all could be */
  async #fireInLanes(): Promise<boolean> {
    const { db, fire, databaseOf } = this.#options;
    const clock = await readClock(db);
    if (clock === undefined) return true;
    const due = await findDue(db, BATCH);
    let isWhole = true;
    const fireAll = async () => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        const { id, tenantId } = next;
        const isDone = await this.#one(id, async () => {
          const firings = await fireDue(databaseOf(tenantId), fire, id, clock);
          for (const firing of firings ?? []) this.#log(firing);
        });
        isWhole &&= isDone;
      }
    };
    await Promise.all(Array.from({ length: LANES }, fireAll));
    return isWhole;
  }

  async #accountForAll(): Promise<void> {
    const { db, fire, databaseOf, logger } = this.#options;
    for (const { id, tenantId } of await findUnaccounted(db, BATCH)) {
      await this.#one(id, async () => {
        const paused = await accountFor(databaseOf(tenantId), fire, id);
        if (paused !== undefined) logger.warn({ automationId: id }, 'automation.paused');
      });
    }
  }

  async #startAll(): Promise<void> {
    const { db, fire, databaseOf } = this.#options;
    for (const { id, tenantId } of await findStartable(db, BATCH)) {
      await this.#one(id, async () => {
        for (let count = 0; count < BATCH; count += 1) {
          const firing = await startWaiting(databaseOf(tenantId), fire, id);
          if (firing === undefined) return;
          this.#log(firing);
        }
      });
    }
  }

  /** What could not be done, the next pass finds again. @returns whether it could be done */
  async #one(automationId: string, work: () => Promise<void>): Promise<boolean> {
    if (this.#stopped.signal.aborted || !this.#options.mayStart()) return true;
    try {
      await work();
      return true;
    } catch (error) {
      this.#logFailure(error, automationId);
      return false;
    }
  }

  #log({ id: firingId, automationId, status, reason, count, executionId }: FiringRow): void {
    const fields = { firingId, automationId, status, reason, count, executionId };
    this.#options.logger.info(fields, 'automation.fired');
  }
}

function untilNext({ nextDueInMs }: { nextDueInMs: number | null }): number {
  return Math.max(SHORTEST_MS, Math.min(INTERVAL_MS, nextDueInMs ?? INTERVAL_MS));
}
