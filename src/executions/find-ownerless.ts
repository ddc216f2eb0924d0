import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import type { Stuck } from './hand-over.ts';

/** Executions that run, and whose worker has no row: nobody works on them. */
export async function findOwnerless(db: Database, limit: number): Promise<Stuck[]> {
  return find(
    db,
    sql`e.status = 'running' AND NOT EXISTS (SELECT 1 FROM outlast.workers w WHERE w.worker_id = e.worker_id)`,
    limit,
  );
}

/** A suspension gets this long to be seen by whoever decides what it waits for. */
const SETTLED_AFTER_MS = 2000;

/**
 * Executions that are suspended, and nothing is left that they could wait for. Suspending and deciding are one
 * transaction each and leave none behind; this is for what nobody thought of. It looks at all that are suspended: some
 * 10 ms for 10,000.
 * Like the other in no order, so that two sweepers that find the same share the work.
 */
export async function findUnwaiting(db: Database, limit: number): Promise<Stuck[]> {
  return find(
    db,
    sql`e.status = 'suspended' AND e.suspended_at < clock_timestamp() - ${SETTLED_AFTER_MS} * interval '1 ms'
      AND NOT EXISTS (SELECT 1 FROM outlast.approvals a WHERE a.execution_id = e.id AND a.status = 'pending')`,
    limit,
  );
}

async function find(db: Database, where: ReturnType<typeof sql>, limit: number): Promise<Stuck[]> {
  const { rows } = await db.orm.execute<{
    id: string;
    status: 'running' | 'suspended';
    attempt: number;
    segment: number;
  }>(sql`
    SELECT e.id, e.status, e.attempt, e.segment FROM outlast.workflow_executions e WHERE ${where}
    ORDER BY random() LIMIT ${limit}`);
  return rows.map(({ id, ...row }) => ({ executionId: id, ...row }));
}
