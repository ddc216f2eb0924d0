import { and, eq } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { approvals } from '../db/schema.ts';
import { APPROVAL_KINDS, type ApprovalKind } from './status.ts';

/**
 * What an execution waits for, as the reason of its suspension: of several kinds the first of the table; undefined
 * when nothing is pending. To be asked in a statement of its own after the execution's row was locked: only that
 * sees what somebody decided meanwhile.
 */
export async function findPendingReason(
  db: Executor,
  executionId: string,
): Promise<ApprovalKind | undefined> {
  const rows = await db
    .selectDistinct({ kind: approvals.kind })
    .from(approvals)
    .where(and(eq(approvals.executionId, executionId), eq(approvals.status, 'pending')));
  return APPROVAL_KINDS.find((kind) => rows.some((row) => row.kind === kind));
}
