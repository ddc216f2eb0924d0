import { and, eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, transaction } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { workers } from '../db/schema.ts';
import { isAlive } from '../embedded/processes.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import { type DiscardSegment, type EndReason, handOver } from '../executions/hand-over.ts';
import { promoteNext } from '../executions/promote-next.ts';
import { pause } from '../pause.ts';
import { holdThread } from '../threads/hold-thread.ts';
import type { ProcessPlace } from './process-place.ts';

/** Executions looked at in one pass of a healer; the next pass takes the rest. */
const BATCH = 500;

export interface SweeperOptions {
  db: Database;
  workerId: string;
  place: ProcessPlace;
  intervalMs: number;
  deadAfterMs: number;
  dispatch: Dispatch;
  discard: DiscardSegment;
  /** Queued executions whose segment nobody will run; found by the engine that runs segments. */
  findStranded: (db: Database, limit: number) => Promise<Stuck[]>;
  /** Whether this worker has kept its own lease long enough to judge others. */
  mayJudge(): boolean;
  logger: Logger;
}

/** An execution that cannot go on by itself, and how it was when it was found. */
export interface Stuck {
  executionId: string;
  status: 'running' | 'queued';
  attempt: number;
  segment: number;
}

/**
 * Looks for what is left behind by the dead and hands it over (E3): every worker sweeps, and the database lets one
 * of them win.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps once, so that what a restart left behind goes on at once, and from then on at the interval. */
  async start(): Promise<void> {
    await this.sweep();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** One pass over everything that may be stuck. */
  async sweep(): Promise<void> {
    try {
      await this.#buryDead();
      await this.#handOverAll(await findOwnerless(this.#options.db), 'crashed');
      await this.#handOverAll(await this.#options.findStranded(this.#options.db, BATCH), 'crashed');
      await this.#promoteWaiting();
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error }, 'sweeper.failed');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await pause(this.#options.intervalMs, signal);
      if (!signal.aborted) await this.sweep();
    }
  }

  /** Deletes the rows of dead workers: from that commit on they can claim and write nothing. */
  async #buryDead(): Promise<void> {
    const others = await this.#options.db.orm.select().from(workers);
    for (const worker of others) {
      if (worker.workerId === this.#options.workerId) continue;
      const isGone = await this.#isGone(worker);
      if (!isGone && !this.#options.mayJudge()) continue;
      const buried = await this.#options.db.orm
        .delete(workers)
        .where(and(eq(workers.workerId, worker.workerId), isGone ? undefined : this.#isSilent()))
        .returning({ workerId: workers.workerId });
      if (buried.length > 0) {
        this.#options.logger.warn({ workerId: worker.workerId, host: worker.host }, 'worker.dead');
      }
    }
  }

  /** On the same boot and in the same pid namespace a process that is gone is dead at once. */
  async #isGone(worker: typeof workers.$inferSelect): Promise<boolean> {
    const { place } = this.#options;
    const bootId = place.processStart.split('/')[0];
    if (worker.bootId !== bootId || worker.pidNamespace !== place.pidNamespace) return false;
    return !(await isAlive({ pid: worker.pid, born: worker.processStart }));
  }

  /** Judged by the database's clock, and never for a time in which Postgres itself was away. */
  #isSilent() {
    return sql`greatest(${workers.heartbeatAt}, pg_postmaster_start_time())
      < clock_timestamp() - ${this.#options.deadAfterMs} * interval '1 ms'`;
  }

  async #handOverAll(stuck: Stuck[], reason: EndReason): Promise<void> {
    const { db, dispatch, discard, logger } = this.#options;
    for (const from of stuck) {
      await this.#heal({ executionId: from.executionId }, async () => {
        const launch = await transaction(db, (tx) => handOver(tx, dispatch, discard, from, reason));
        if (launch === undefined) return;
        launch();
        const { executionId, status: was, attempt } = from;
        logger.info({ executionId, was, attempt }, 'execution.handed-over');
      });
    }
  }

  /** One that cannot be healed must not keep the others stuck. */
  async #heal(what: object, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isTransient(error)) throw error;
      this.#options.logger.error({ ...what, err: error }, 'sweeper.failed');
    }
  }

  /** A thread whose active execution is final, and whose next one was not promoted. */
  async #promoteWaiting(): Promise<void> {
    const { db, dispatch } = this.#options;
    for (const threadNo of await findUnpromoted(db)) {
      await this.#heal({ threadNo }, async () => {
        const launch = await transaction(db, async (tx) => {
          await holdThread(tx, threadNo);
          const isFree = await tx.execute(sql`
            SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outlast.workflow_executions
              WHERE thread_no = ${threadNo} AND segment > 0
                AND status NOT IN ('completed', 'failed', 'cancelled'))`);
          return isFree.rowCount === 1 ? promoteNext(tx, dispatch, threadNo) : undefined;
        });
        launch?.();
      });
    }
  }
}

/** Running executions whose worker has no row. */
async function findOwnerless(db: Database): Promise<Stuck[]> {
  const { rows } = await db.orm.execute<{ id: string; attempt: number; segment: number }>(sql`
    SELECT e.id, e.attempt, e.segment FROM outlast.workflow_executions e
    WHERE e.status = 'running'
      AND NOT EXISTS (SELECT 1 FROM outlast.workers w WHERE w.worker_id = e.worker_id)
    LIMIT ${BATCH}`);
  return rows.map((row) => ({
    executionId: row.id,
    status: 'running',
    attempt: row.attempt,
    segment: row.segment,
  }));
}

async function findUnpromoted(db: Database): Promise<number[]> {
  const { rows } = await db.orm.execute<{ thread_no: string }>(sql`
    SELECT DISTINCT waiting.thread_no FROM outlast.workflow_executions waiting
    WHERE waiting.status = 'queued' AND waiting.segment = 0
      AND NOT EXISTS (SELECT 1 FROM outlast.workflow_executions active
        WHERE active.thread_no = waiting.thread_no AND active.segment > 0
          AND active.status NOT IN ('completed', 'failed', 'cancelled'))
    LIMIT ${BATCH}`);
  return rows.map((row) => Number(row.thread_no));
}
