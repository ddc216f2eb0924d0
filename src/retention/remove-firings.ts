import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 1000;

/** Removes firings of `days` ago; never one that waits, or whose execution is not over. */
export function removeFirings(db: Database, days: number): Batches {
  return inBatches('firingsRemoved', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      DELETE FROM outlast.firings WHERE ctid = ANY(ARRAY(
        SELECT f.ctid FROM outlast.firings f
        WHERE f.created_at < now() - ${days} * interval '24 hours'
          AND f.status <> 'enqueued' AND f.retry_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM outlast.workflow_executions e
            WHERE e.id = f.execution_id AND e.accounted_at IS NULL)
        ORDER BY f.created_at LIMIT ${limit} FOR UPDATE OF f SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
