import type { AuditAction } from '../audit/actions.ts';
import type { Actor } from '../audit/actor.ts';
import { type AuditEntry, recordAudit } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import type { AutomationRow } from './view.ts';

/** Writes down what is done to an automation. Its name, its input and its secret are not in it. */
export async function auditAutomation(
  tx: Transaction,
  actor: Actor,
  { id: subjectId, tenantId, ownerId }: Pick<AutomationRow, 'id' | 'tenantId' | 'ownerId'>,
  did: Pick<AuditEntry, 'executionId' | 'threadId' | 'details'> & {
    action: Extract<AuditAction, `automation.${string}`>;
  },
): Promise<void> {
  await recordAudit(tx, actor, { ...did, tenantId, ownerId, subjectId });
}
