import { eq, sql } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { mergePatch } from '../threads/merge-patch.ts';
import { auditAutomation } from './audit-automation.ts';
import { databaseNow } from './database-now.ts';
import { holdAutomation } from './get-automation.ts';
import type { AutomationSettings } from './settings.ts';
import { nextDueAt, settingsColumns } from './settings-columns.ts';
import { type SavedAutomation, type SecretDeps, savedAutomation, triggerColumns } from './trigger-secret.ts';
import { type Automation, type AutomationRow, settingsOf, toAutomation } from './view.ts';

export type SettingsPatch = Partial<Record<keyof AutomationSettings, unknown>>;

/**
 * Changes the settings of an automation: a merge patch, but that a trigger of another type replaces the old one. A
 * schedule that is changed, or goes on after a pause, begins anew: what would have been due before is no due time.
 * @param check says what the settings are as a whole. @throws Problem not-found,
 *   encryption-key-needed, and what `check` throws
 */
export async function updateAutomation(
  tx: Transaction,
  deps: SecretDeps,
  scope: Scope,
  id: string,
  patch: SettingsPatch,
  check: (settings: unknown) => AutomationSettings,
): Promise<SavedAutomation> {
  const row = await holdAutomation(tx, scope, id);
  const settings = check(merged(settingsOf(row), patch));
  const now = await databaseNow(tx);
  const goesOn = isSameSchedule(row, settings);
  const { isMade, ...secret } = triggerColumns(deps, id, settings.trigger, keptSecret(row, patch));
  const columns = { ...settingsColumns(settings, now), ...secret };
  const changed = await change(tx, row, {
    ...columns,
    nextDueAt: goesOn ? row.nextDueAt : columns.nextDueAt,
  });
  const details = { changed: Object.keys(patch) };
  await auditAutomation(tx, actorIn(scope), row, { action: 'automation.updated', details });
  return savedAutomation(changed, isMade);
}

/** Nothing more is started by itself; what runs goes on. @throws Problem not-found */
export async function pauseAutomation(tx: Transaction, scope: Scope, id: string): Promise<Automation> {
  const row = await holdAutomation(tx, scope, id);
  if (!row.enabled) return toAutomation(row);
  await auditAutomation(tx, actorIn(scope), row, { action: 'automation.paused' });
  return toAutomation(await change(tx, row, { enabled: false, nextDueAt: null }));
}

/** Lets it go on from now on. @throws Problem not-found */
export async function resumeAutomation(tx: Transaction, scope: Scope, id: string): Promise<Automation> {
  const row = await holdAutomation(tx, scope, id);
  if (row.enabled) return toAutomation(row);
  const now = await databaseNow(tx);
  const due = nextDueAt({ ...row, enabled: true }, now);
  await auditAutomation(tx, actorIn(scope), row, { action: 'automation.resumed' });
  return toAutomation(await change(tx, row, { enabled: true, nextDueAt: due }));
}

function merged(settings: AutomationSettings, patch: SettingsPatch): unknown {
  const { type, signature } = triggerOf(patch);
  const isOther = type !== undefined && type !== settings.trigger.type;
  const trigger = isOther ? undefined : settings.trigger;
  // A signature is of one kind or another: its fields are no good for the next one.
  const kept = signature === undefined ? trigger : { ...trigger, signature: undefined };
  return mergePatch({ ...settings, trigger: kept }, patch);
}

/** Who sets the secret to null wants a new one. */
function keptSecret(row: AutomationRow, patch: SettingsPatch): string | null {
  return triggerOf(patch).secret === null ? null : row.sealedSecret;
}

function triggerOf({ trigger }: SettingsPatch): { type?: unknown; signature?: unknown; secret?: unknown } {
  return typeof trigger === 'object' && trigger !== null ? trigger : {};
}

function isSameSchedule(row: AutomationRow, { enabled, trigger }: AutomationSettings): boolean {
  const before = row.trigger;
  if (row.enabled !== enabled || before.type !== 'schedule' || trigger.type !== 'schedule') return false;
  return before.cron === trigger.cron && before.timezone === trigger.timezone;
}

async function change(
  tx: Transaction,
  row: AutomationRow,
  columns: Partial<AutomationRow> & Pick<AutomationRow, 'enabled'>,
): Promise<AutomationRow> {
  const isResumed = columns.enabled && !row.enabled;
  const [changed] = await tx
    .update(automations)
    .set({
      ...columns,
      pausedReason: columns.enabled ? null : (row.pausedReason ?? 'request'),
      ...(isResumed ? { failuresInRow: 0 } : {}),
      updatedAt: sql`clock_timestamp()`,
    })
    .where(eq(automations.id, row.id))
    .returning();
  return changed as AutomationRow;
}
