import { and, eq, notInArray } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import { EXECUTION_STATUSES, isFinalStatus } from './status.ts';

const FINAL_STATUSES = EXECUTION_STATUSES.filter(isFinalStatus);

/** The thread's oldest execution that is not final; the caller holds the thread's row. */
export async function findUnfinished(tx: Transaction, thread: { no: number }): Promise<string | undefined> {
  const [unfinished] = await tx
    .select({ id: workflowExecutions.id })
    .from(workflowExecutions)
    .where(
      and(eq(workflowExecutions.threadNo, thread.no), notInArray(workflowExecutions.status, FINAL_STATUSES)),
    )
    .orderBy(workflowExecutions.ordinal)
    .limit(1);
  return unfinished?.id;
}
