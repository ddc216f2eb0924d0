import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { approvals } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { type ApprovalRow, selectApprovals } from './view.ts';
import { visibleTo } from './visible-to.ts';

/** Which approval is meant: by its id, or as the one that blocks a tool call (else the last that did). */
export type ApprovalTarget = { approvalId: string } | { executionId: string; toolCallId: string };

/** @throws Problem not-found, also when the caller may not see it */
export async function findApproval(
  db: Executor,
  scope: Scope,
  target: ApprovalTarget,
): Promise<{ row: ApprovalRow; threadId: string }> {
  const where = and(visibleTo(scope), isMeant(target)) as SQL;
  const [found] = await selectApprovals(db, where)
    .orderBy(desc(sql`${approvals.status} = 'pending'`), desc(approvals.createdAt), desc(approvals.id))
    .limit(1);
  if (found !== undefined) return found;
  const name = 'approvalId' in target ? target.approvalId : `of tool call ${target.toolCallId}`;
  throw new Problem('not-found', `There is no approval ${name}`);
}

function isMeant(target: ApprovalTarget): SQL {
  if ('approvalId' in target) return eq(approvals.id, target.approvalId);
  const { executionId, toolCallId } = target;
  return and(eq(approvals.executionId, executionId), eq(approvals.toolCallId, toolCallId)) as SQL;
}
