import { eq } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { auditAutomation } from './audit-automation.ts';
import { holdAutomation } from './get-automation.ts';

/** Removes an automation and its firings; executions that it has started go on. @throws Problem not-found */
export async function deleteAutomation(tx: Transaction, scope: Scope, id: string): Promise<void> {
  const row = await holdAutomation(tx, scope, id);
  await tx.delete(automations).where(eq(automations.id, id));
  const details = { agentId: row.agentId, trigger: row.triggerType };
  await auditAutomation(tx, actorIn(scope), row, { action: 'automation.deleted', details });
}
