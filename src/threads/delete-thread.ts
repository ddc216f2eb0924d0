import { eq, sql } from 'drizzle-orm';
import { INBOX } from '../chunks/log-hints.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS, whilePatient } from '../db/retry.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import type { CancelDeps } from '../executions/cancel-execution.ts';
import { OwnershipLost } from '../executions/ownership.ts';
import { removeDeletedLogs } from '../retention/remove-deleted-logs.ts';
import { auditThread } from './audit-thread.ts';
import { findThreadNo } from './find-thread-no.ts';

export interface DeleteDeps extends CancelDeps {
  db: Database;
}

/** What is needed of each: there may be thousands, and what they were asked weighs up to a megabyte. */
const NEEDED = {
  id: workflowExecutions.id,
  no: workflowExecutions.no,
  segment: workflowExecutions.segment,
  status: workflowExecutions.status,
  finishedAt: workflowExecutions.finishedAt,
};

type ExecutionRow = Pick<typeof workflowExecutions.$inferSelect, keyof typeof NEEDED>;

/**
 * Removes a thread with everything of it. One transaction takes it out of sight with all but the logs, of which it
 * writes down that they are to be removed; their rows go right after it, and by the maintenance of any worker if this
 * process dies in between. Whoever runs one of its executions is refused from the commit on: the row that fences its
 * writes is gone (L4).
 * @throws Problem not-found
 */
export async function deleteThread(deps: DeleteDeps, scope: Scope, id: string): Promise<void> {
  const threadNo = await whilePatient(FROZEN_OWNER_PATIENCE_MS, () => findThreadNo(deps.db.orm, scope, id));
  const removed = await whilePatient(FROZEN_OWNER_PATIENCE_MS, () =>
    transaction(deps.db, (tx) => removeThread(tx, deps, scope, threadNo)),
  );
  for (const execution of removed) tell(deps, execution);
  deps.publish(INBOX, []);
  deps.threadNews.changed(threadNo);
  deps.logger.info({ threadId: id, executions: removed.length }, 'thread.deleted');
  await removeLogs(deps, removed);
}

/** What cannot be done now is left to the maintenance: the thread is deleted either way. */
async function removeLogs(deps: DeleteDeps, executions: readonly ExecutionRow[]): Promise<void> {
  const batches = removeDeletedLogs(
    deps,
    executions.map(({ no }) => no),
  );
  try {
    while ((await batches.next()).done !== true);
  } catch (error) {
    deps.logger.debug({ err: error }, 'thread.logs-left');
  }
}

/** @returns what its executions were; none when an earlier try of ours, or somebody else, has removed it */
async function removeThread(
  tx: Transaction,
  { discard }: DeleteDeps,
  scope: Scope,
  threadNo: number,
): Promise<ExecutionRow[]> {
  const [thread] = await tx.select().from(threads).where(eq(threads.no, threadNo)).for('update');
  if (thread === undefined) return [];
  const executions = await tx
    .select(NEEDED)
    .from(workflowExecutions)
    .where(eq(workflowExecutions.threadNo, threadNo))
    .orderBy(workflowExecutions.id)
    .for('update');
  const queued = executions.filter(({ status, segment }) => status === 'queued' && segment > 0);
  if (queued.length > 0) {
    await discard(
      tx,
      queued.map(({ id: executionId, segment }) => ({ executionId, segment })),
    );
  }
  await tx.execute(sql`
    INSERT INTO outlast.deleted_logs (execution_no, tenant_id)
    SELECT no, tenant_id FROM outlast.workflow_executions WHERE thread_no = ${threadNo}`);
  await tx.delete(threads).where(eq(threads.no, threadNo));
  const details = { executions: executions.length };
  await auditThread(tx, scope, thread, { action: 'thread.deleted', details });
  return executions;
}

/** Ends what is done for an execution here, and wakes those who read it: they find it gone, and are cut. */
function tell(
  { abandon, publish, metrics }: DeleteDeps,
  { id, no, segment, status, finishedAt }: ExecutionRow,
): void {
  if (finishedAt !== null) return;
  abandon({ executionId: id, segment }, new OwnershipLost('The thread was deleted'));
  publish(no, []);
  metrics.executions.finished('cancelled');
  if (status === 'running') metrics.executions.attemptEnded('cancelled');
}
