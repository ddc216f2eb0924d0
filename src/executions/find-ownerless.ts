import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import type { Stuck } from './hand-over.ts';

/** A suspension gets this long to be seen by whoever decides what it waits for. */
const SETTLED_AFTER_MS = 2000;

/**
 * Executions that nobody works on: running, and the worker has no row; suspended, and nothing is left that they
 * could wait for. In no order, so that two sweepers that find the same share the work.
 */
export async function findOwnerless(db: Database, limit: number): Promise<Stuck[]> {
  const { rows } = await db.orm.execute<{
    id: string;
    status: 'running' | 'suspended';
    attempt: number;
    segment: number;
  }>(sql`
    SELECT e.id, e.status, e.attempt, e.segment FROM outlast.workflow_executions e
    WHERE (e.status = 'running'
        AND NOT EXISTS (SELECT 1 FROM outlast.workers w WHERE w.worker_id = e.worker_id))
      OR (e.status = 'suspended'
        AND e.suspended_at < clock_timestamp() - ${SETTLED_AFTER_MS} * interval '1 ms')
    ORDER BY random() LIMIT ${limit}`);
  return rows.map(({ id, ...row }) => ({ executionId: id, ...row }));
}
