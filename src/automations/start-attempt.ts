import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { firings, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import type { CreatedExecution } from '../executions/add-execution.ts';
import type { CancelDeps } from '../executions/cancel-execution.ts';
import { createExecution } from '../executions/create-execution.ts';
import { retryExecution } from '../executions/retry-execution.ts';
import { automationActor } from './automation-actor.ts';
import type { Fired } from './fire.ts';
import type { AutomationRow, FiringRow } from './view.ts';

/** What starting an execution takes. */
export type StartDeps = CancelDeps;

/** Starts the first execution of a firing, as its automation's owner. */
export async function startAttempt(
  tx: Transaction,
  deps: StartDeps,
  automation: AutomationRow,
  firing: FiringRow,
  input: string,
): Promise<Fired> {
  const { id: automationId, agentId, approvalPolicy, threadMode } = automation;
  const created = await createExecution(tx, deps, ownScope(automation), {
    chooseAgent: () => agentId,
    threadId: threadMode === 'same' ? `automation:${automationId}` : undefined,
    message: { parts: [{ type: 'text', text: input }] },
    metadata: {},
    source: 'automation',
    automation: { automationId, firingId: firing.id, approvalPolicy },
    onBusy: 'enqueue',
  });
  return recordAttempt(tx, deps, firing, created);
}

/** Starts the next execution of a firing, whose last one has failed. @throws Problem not-last, not-found */
export async function startRetry(
  tx: Transaction,
  deps: StartDeps,
  automation: AutomationRow,
  firing: FiringRow & { executionId: string },
): Promise<Fired> {
  const created = await retryExecution(tx, deps.dispatch, ownScope(automation), firing.executionId);
  await tx
    .update(workflowExecutions)
    .set({ firingId: firing.id })
    .where(eq(workflowExecutions.id, created.executionId));
  return recordAttempt(tx, deps, firing, created);
}

async function recordAttempt(
  tx: Transaction,
  { threadNews }: StartDeps,
  { id }: FiringRow,
  { executionId, threadNo, launch }: CreatedExecution,
): Promise<Fired> {
  const [firing] = await tx
    .update(firings)
    .set({
      status: 'fired',
      reason: null,
      input: null,
      executionId,
      retryAt: null,
      attempts: sql`${firings.attempts} + 1`,
    })
    .where(eq(firings.id, id))
    .returning();
  return {
    firing: firing as FiringRow,
    launch: () => {
      launch();
      threadNews.changed(threadNo);
    },
  };
}

/** An automation works in its owner's name, and sees no more than its owner's own things. */
function ownScope({ id, tenantId, ownerId }: AutomationRow): Scope {
  return { tenantId, ownerId, actor: automationActor(id) };
}
