import { and, asc, eq, gte, isNull } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import type { CancelDeps, CancelRequest } from './cancel-execution.ts';
import { endByCancel } from './end-by-cancel.ts';

/**
 * Cancels all executions of a thread, from an ordinal on, that are not final; the caller holds the thread's row. Those
 * that wait for it come first, so that none of them is promoted in between.
 * @returns what to call after the commit
 */
export async function cancelUnfinished(
  tx: Transaction,
  deps: CancelDeps,
  threadNo: number,
  request: CancelRequest,
  fromOrdinal = 0,
): Promise<() => void> {
  const unfinished = await tx
    .select()
    .from(workflowExecutions)
    .where(
      and(
        eq(workflowExecutions.threadNo, threadNo),
        isNull(workflowExecutions.finishedAt),
        gte(workflowExecutions.ordinal, fromOrdinal),
      ),
    )
    .orderBy(asc(workflowExecutions.segment))
    .for('update');
  const effects: (() => void)[] = [];
  for (const execution of unfinished) effects.push(await endByCancel(tx, deps, execution, request));
  return () => {
    for (const effect of effects) effect();
  };
}
