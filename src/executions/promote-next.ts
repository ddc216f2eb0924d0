import { and, asc, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import type { Dispatch } from './dispatch.ts';

/**
 * Starts the oldest execution that waits for its thread. The caller holds the thread's row and has just made the
 * active execution final.
 * @returns what to call after the commit.
 */
export async function promoteNext(
  tx: Transaction,
  dispatch: Dispatch,
  threadNo: number,
): Promise<() => void> {
  const [next] = await tx
    .select({ id: workflowExecutions.id })
    .from(workflowExecutions)
    .where(
      and(
        eq(workflowExecutions.threadNo, threadNo),
        eq(workflowExecutions.status, 'queued'),
        eq(workflowExecutions.segment, 0),
      ),
    )
    .orderBy(asc(workflowExecutions.ordinal))
    .limit(1);
  if (next === undefined) return () => undefined;
  await tx
    .update(workflowExecutions)
    .set({ segment: 1, queuedAt: sql`clock_timestamp()` })
    .where(eq(workflowExecutions.id, next.id));
  return dispatch(tx, next.id, 1);
}
