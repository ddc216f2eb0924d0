import { and, eq } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import { INBOX } from '../chunks/log-hints.ts';
import type { Transaction } from '../db/database.ts';
import { approvals, threads, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { auditApproval } from './audit-approval.ts';
import { type Decided, type DecisionDeps, refuseDecided } from './decide-approval.ts';
import { recordEvent } from './record-event.ts';
import { type ApprovalRow, toApproval } from './view.ts';
import { mayDecide, visibleTo } from './visible-to.ts';

/**
 * Says who is to look at an approval, or with null that nobody in particular is; who may decide stays as it is. Only
 * the approval's row is held. One that is assigned so already is left as it is: a try whose commit was not heard of.
 * @throws Problem not-found, may-not-decide, already-decided, approval-expired
 */
export async function assignApproval(
  tx: Transaction,
  { publish, threadNews }: Pick<DecisionDeps, 'publish' | 'threadNews'>,
  scope: Scope,
  approvalId: string,
  assignee: string | null,
): Promise<Decided> {
  const { row, threadId, executionNo } = await hold(tx, scope, approvalId);
  if (!mayDecide(scope, row)) {
    throw new Problem('may-not-decide', 'The tool names who may decide this, and you are not among them');
  }
  if (row.status !== 'pending') throw refuseDecided(toApproval({ row, threadId }));
  if (row.assignee !== assignee) {
    await tx.update(approvals).set({ assignee }).where(eq(approvals.id, row.id));
    await recordEvent(tx, row, { kind: 'assigned', by: scope.ownerId, detail: { assignee } });
    const did = { action: 'approval.assigned', details: { assignee } } as const;
    await auditApproval(tx, actorIn(scope), { row, threadId }, did);
  }
  const afterCommit = () => {
    publish(executionNo, []);
    publish(INBOX, []);
    threadNews.changed(row.threadNo);
  };
  return { approval: toApproval({ row: { ...row, assignee }, threadId }), afterCommit };
}

async function hold(
  tx: Transaction,
  scope: Scope,
  approvalId: string,
): Promise<{ row: ApprovalRow; threadId: string; executionNo: number }> {
  const [row] = await tx
    .select()
    .from(approvals)
    .where(and(eq(approvals.id, approvalId), visibleTo(scope)))
    .for('update');
  if (row === undefined) throw new Problem('not-found', `There is no approval ${approvalId}`);
  const [place] = await tx
    .select({ threadId: threads.id, executionNo: workflowExecutions.no })
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(eq(workflowExecutions.id, row.executionId));
  return { row, threadId: place?.threadId ?? '', executionNo: place?.executionNo ?? 0 };
}
