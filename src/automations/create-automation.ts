import { uuidv7 } from 'uuidv7';
import type { Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import { owned, type Scope } from '../db/scope.ts';
import { databaseNow } from './database-now.ts';
import type { AutomationSettings } from './settings.ts';
import { settingsColumns } from './settings-columns.ts';
import { type Automation, toAutomation } from './view.ts';

/** Makes an automation; a schedule begins with its next due time. */
export async function createAutomation(
  tx: Transaction,
  scope: Scope,
  settings: AutomationSettings,
): Promise<Automation> {
  const [row] = await tx
    .insert(automations)
    .values({
      id: uuidv7(),
      ...owned(scope),
      ...settingsColumns(settings, await databaseNow(tx)),
      pausedReason: settings.enabled ? null : 'request',
    })
    .returning();
  return toAutomation(row as typeof automations.$inferSelect);
}
