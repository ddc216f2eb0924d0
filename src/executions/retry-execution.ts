import { and, eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { messages, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { holdThreadOf } from '../threads/hold-thread.ts';
import { addExecution, type CreatedExecution } from './add-execution.ts';
import type { Dispatch } from './dispatch.ts';
import { findUnfinished } from './find-unfinished.ts';

/**
 * Answers the same user message again with a new execution, linked by `retryOf`. The failed answer leaves the
 * history; the log of the first execution stays.
 * @throws Problem not-found, not-retryable (it has not failed or been cancelled), not-last (newer messages exist)
 */
export async function retryExecution(
  tx: Transaction,
  dispatch: Dispatch,
  scope: Scope,
  executionId: string,
): Promise<CreatedExecution> {
  const thread = await holdThreadOf(tx, scope, executionId);
  const [failed] = await tx.select().from(workflowExecutions).where(eq(workflowExecutions.id, executionId));
  if (thread === undefined || failed === undefined) {
    throw new Problem('not-found', `There is no execution ${executionId}`);
  }
  if (failed.status !== 'failed' && failed.status !== 'cancelled') {
    throw new Problem(
      'not-retryable',
      `Only a failed or cancelled execution can be retried; this one is ${failed.status}`,
    );
  }
  if (failed.ordinal !== thread.lastOrdinal) {
    throw new Problem('not-last', 'Only the last execution of a thread can be retried');
  }
  const isBusy = (await findUnfinished(tx, thread)) !== undefined;
  await tx.delete(messages).where(and(eq(messages.threadNo, thread.no), eq(messages.id, failed.messageId)));
  return addExecution(tx, dispatch, thread, {
    id: uuidv7(),
    inputMessageId: failed.inputMessageId,
    agentId: failed.agentId,
    source: failed.source,
    retryOf: failed.id,
    automationId: failed.automationId,
    approvalPolicy: failed.approvalPolicy,
    dropsFrom: failed.dropsFrom ?? failed.ordinal,
    input: failed.input,
    metadata: failed.metadata,
    isBusy,
    asked: { by: actorIn(scope), action: 'execution.retried', details: { retryOf: failed.id } },
  });
}
