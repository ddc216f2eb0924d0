import { uuidv7 } from 'uuidv7';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import { owned, type Scope } from '../db/scope.ts';
import { auditAutomation } from './audit-automation.ts';
import { databaseNow } from './database-now.ts';
import type { AutomationSettings } from './settings.ts';
import { settingsColumns } from './settings-columns.ts';
import { type SavedAutomation, type SecretDeps, savedAutomation, triggerColumns } from './trigger-secret.ts';
import type { AutomationRow } from './view.ts';

/**
 * Makes an automation; a schedule begins with its next due time.
 * @throws Problem encryption-key-needed
 */
export async function createAutomation(
  tx: Transaction,
  deps: SecretDeps,
  scope: Scope,
  settings: AutomationSettings,
): Promise<SavedAutomation> {
  const id = uuidv7();
  const { isMade, ...columns } = triggerColumns(deps, id, settings.trigger);
  const [made] = await tx
    .insert(automations)
    .values({
      id,
      ...owned(scope),
      ...settingsColumns(settings, await databaseNow(tx)),
      ...columns,
      pausedReason: settings.enabled ? null : 'request',
    })
    .returning();
  const row = made as AutomationRow;
  const details = { agentId: row.agentId, trigger: row.triggerType };
  await auditAutomation(tx, actorIn(scope), row, { action: 'automation.created', details });
  return savedAutomation(row, isMade);
}
