import { and, eq, inArray, type SQL } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope, within } from '../db/scope.ts';

export type ThreadRow = typeof threads.$inferSelect;

/** Takes a thread's row, which comes before those of its executions: promotions happen one after another. */
export async function holdThread(tx: Transaction, threadNo: number): Promise<void> {
  await tx.select({ no: threads.no }).from(threads).where(eq(threads.no, threadNo)).for('no key update');
}

/** The same of the thread that is meant by an id; undefined when there is none. */
export function holdThreadById(tx: Transaction, scope: Scope, id: string): Promise<ThreadRow | undefined> {
  return hold(tx, isThread(scope, id));
}

/** The same of the thread of an execution; undefined when there is none. */
export function holdThreadOf(
  tx: Transaction,
  scope: Scope,
  executionId: string,
): Promise<ThreadRow | undefined> {
  const ofExecution = tx
    .select({ no: workflowExecutions.threadNo })
    .from(workflowExecutions)
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, executionId)));
  return hold(tx, inArray(threads.no, ofExecution));
}

async function hold(tx: Transaction, which: SQL): Promise<ThreadRow | undefined> {
  const [thread] = await tx.select().from(threads).where(which).for('no key update');
  return thread;
}
