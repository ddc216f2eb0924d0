import type { AuditAction } from '../audit/actions.ts';
import { actorIn } from '../audit/actor.ts';
import { type AuditEntry, recordAudit } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import type { ThreadRow } from './hold-thread.ts';

/** Writes down what somebody does to a thread as such. */
export async function auditThread(
  tx: Transaction,
  scope: Scope,
  { tenantId, ownerId, id }: Pick<ThreadRow, 'tenantId' | 'ownerId' | 'id'>,
  did: { action: Extract<AuditAction, `thread.${string}`>; details?: AuditEntry['details'] },
): Promise<void> {
  await recordAudit(tx, actorIn(scope), { ...did, tenantId, ownerId, subjectId: id, threadId: id });
}
