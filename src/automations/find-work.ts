import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';

/** What there is to do for automations, and when the next schedule is due. */
export interface Work {
  due: boolean;
  ended: boolean;
  waiting: boolean;
  /** Milliseconds; null when none is. */
  nextDueInMs: number | null;
}

/** All that an idle worker asks: each part looks into an index that has only what is left to do. */
export async function findWork(db: Database): Promise<Work> {
  const { rows } = await db.orm.execute<{
    ended: boolean;
    waiting: boolean;
    next_due_in_ms: number | null;
  }>(sql`
    SELECT
      EXISTS (SELECT 1 FROM outlast.workflow_executions
        WHERE firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NOT NULL) AS ended,
      EXISTS (SELECT 1 FROM outlast.firings WHERE status = 'enqueued')
        OR EXISTS (SELECT 1 FROM outlast.firings WHERE retry_at <= statement_timestamp()) AS waiting,
      (SELECT extract(epoch FROM min(next_due_at) - clock_timestamp())::float8 * 1000
        FROM outlast.automations WHERE next_due_at IS NOT NULL) AS next_due_in_ms`);
  const { ended = false, waiting = false, next_due_in_ms: nextDueInMs = null } = rows[0] ?? {};
  return { due: nextDueInMs !== null && nextDueInMs <= 0, ended, waiting, nextDueInMs };
}
