import { sql } from 'drizzle-orm';
import { type Database, transaction } from '../db/database.ts';
import { holdThread } from '../threads/hold-thread.ts';
import type { Dispatch } from './dispatch.ts';
import { promoteNext } from './promote-next.ts';

/** Threads in which an execution waits and none is active: whoever ended the last one died before it promoted. */
export async function findUnpromoted(db: Database, limit: number): Promise<number[]> {
  const { rows } = await db.orm.execute<{ thread_no: string }>(sql`
    SELECT DISTINCT waiting.thread_no FROM outlast.workflow_executions waiting
    WHERE waiting.status = 'queued' AND waiting.segment = 0
      AND NOT EXISTS (SELECT 1 FROM outlast.workflow_executions active
        WHERE active.thread_no = waiting.thread_no AND active.segment > 0
          AND active.status NOT IN ('completed', 'failed', 'cancelled'))
    LIMIT ${limit}`);
  return rows.map((row) => Number(row.thread_no));
}

/** Starts what waits in a thread, if still nothing is active there. */
export async function promoteWaiting(db: Database, dispatch: Dispatch, threadNo: number): Promise<void> {
  const launch = await transaction(db, async (tx) => {
    await holdThread(tx, threadNo);
    const isFree = await tx.execute(sql`
      SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outlast.workflow_executions
        WHERE thread_no = ${threadNo} AND segment > 0
          AND status NOT IN ('completed', 'failed', 'cancelled'))`);
    return isFree.rowCount === 1 ? promoteNext(tx, dispatch, threadNo) : undefined;
  });
  launch?.();
}
