import type { SQL } from 'drizzle-orm';
import type { AuditAction } from '../audit/actions.ts';
import type { Actor } from '../audit/actor.ts';
import { type AuditEntry, recordAudit } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import type { ApprovalRow } from './view.ts';

/** Writes down what somebody does to an approval. What they say about it, and what it asks for, is not in it. */
export async function auditApproval(
  tx: Transaction,
  actor: Actor,
  { row, threadId }: { row: ApprovalRow; threadId: string | SQL<string> },
  did: { action: Extract<AuditAction, `approval.${string}`>; details: AuditEntry['details'] },
): Promise<void> {
  const { id: subjectId, tenantId, ownerId, executionId, toolName } = row;
  const details = { toolName, ...did.details };
  await recordAudit(tx, actor, { ...did, tenantId, ownerId, subjectId, executionId, threadId, details });
}
