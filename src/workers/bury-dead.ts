import { and, eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { workers } from '../db/schema.ts';
import { isAlive } from '../embedded/processes.ts';
import type { ProcessPlace } from './process-place.ts';

export interface BuryOptions {
  db: Database;
  /** The worker that looks; it never judges itself. */
  workerId: string;
  place: ProcessPlace;
  deadAfterMs: number;
  /** Whether this worker has kept its own lease long enough to judge others. */
  mayJudge(): boolean;
  logger: Logger;
}

type WorkerRow = typeof workers.$inferSelect;

/**
 * Deletes the rows of dead workers: from that commit on they can claim and write nothing. One sweeper wins.
 * @returns the pids of the workers that live in the same place, where their end can be seen
 */
export async function buryDead(options: BuryOptions): Promise<number[]> {
  const { db, workerId, logger } = options;
  const neighbours: number[] = [];
  for (const worker of await db.orm.select().from(workers)) {
    if (worker.workerId === workerId) continue;
    const isNeighbour = isInPlace(options.place, worker);
    const isGone = isNeighbour && !(await isAlive({ pid: worker.pid, born: worker.processStart }));
    if (isNeighbour && !isGone) neighbours.push(worker.pid);
    if (!isGone && !options.mayJudge()) continue;
    const isBuried = await transaction(db, (tx) =>
      bury(tx, worker, isGone ? undefined : options.deadAfterMs),
    );
    if (isBuried) logger.warn({ workerId: worker.workerId, host: worker.host, isGone }, 'worker.dead');
  }
  return neighbours;
}

/** On the same boot and in the same pid namespace a process that is gone is dead at once. */
function isInPlace(place: ProcessPlace, worker: WorkerRow): boolean {
  const bootId = place.processStart.split('/')[0];
  return worker.bootId === bootId && worker.pidNamespace === place.pidNamespace;
}

/**
 * Why its attempts ended is written down with it, for whoever hands the executions over: a process that is known to
 * be gone has crashed, of a silent one nobody knows more than that its lease ran out.
 * @param silentMs what makes it dead; undefined when its process is gone
 */
async function bury(tx: Transaction, worker: WorkerRow, silentMs: number | undefined): Promise<boolean> {
  const buried = await tx
    .delete(workers)
    .where(
      and(eq(workers.workerId, worker.workerId), silentMs === undefined ? undefined : isSilentFor(silentMs)),
    )
    .returning({ workerId: workers.workerId });
  if (buried.length === 0) return false;
  await tx.execute(sql`
    UPDATE outlast.execution_attempts a
    SET ended_at = clock_timestamp(), end_reason = ${silentMs === undefined ? 'crashed' : 'lease-lost'}
    FROM outlast.workflow_executions e
    WHERE e.status = 'running' AND e.worker_id = ${worker.workerId}
      AND a.execution_id = e.id AND a.attempt = e.attempt AND a.ended_at IS NULL`);
  return true;
}

/** Judged by the database's clock, and never for a time in which Postgres itself was away. */
function isSilentFor(ms: number) {
  return sql`greatest(${workers.heartbeatAt}, pg_postmaster_start_time())
    < clock_timestamp() - ${ms} * interval '1 ms'`;
}
