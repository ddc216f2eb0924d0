import { asc, eq, inArray } from 'drizzle-orm';
import { type Approval, selectApprovals, toApproval } from '../approvals/view.ts';
import type { LogStretch } from '../chunks/row.ts';
import type { Executor } from '../db/database.ts';
import { approvals, workflowExecutions } from '../db/schema.ts';
import { type Execution, selectExecutions, toExecution } from '../executions/view.ts';
import type { Message } from './message-view.ts';

/** What happens in a thread, as its readers are told. All but chunks are upserts: to be told twice does no harm. */
export type ThreadEvent =
  | { kind: 'chunks'; ordinal: number; stretch: LogStretch }
  | { kind: 'execution'; data: Execution }
  | { kind: 'thread-message'; data: { message: Message } }
  | { kind: 'history'; data: { afterMessageId: string } }
  | { kind: 'approval'; data: Approval }
  | { kind: 'deleted' };

export async function findExecution(db: Executor, id: string): Promise<Execution | undefined> {
  const [selected] = await selectExecutions(db, eq(workflowExecutions.id, id));
  return selected && toExecution(selected);
}

export async function findApprovalById(db: Executor, id: string): Promise<Approval | undefined> {
  const [selected] = await selectApprovals(db, eq(approvals.id, id));
  return selected && toApproval(selected);
}

/** What can change of the approvals of some executions, the oldest first. */
export async function listApprovalStates(
  db: Executor,
  executionIds: string[],
): Promise<{ id: string; executionId: string; status: string; assignee: string | null }[]> {
  const { id, executionId, status, assignee, createdAt } = approvals;
  return db
    .select({ id, executionId, status, assignee })
    .from(approvals)
    .where(inArray(executionId, executionIds))
    .orderBy(asc(createdAt), asc(id));
}
