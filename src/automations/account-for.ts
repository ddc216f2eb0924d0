import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import { threadIdOf } from '../audit/record-audit.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { automations, firings, workflowExecutions } from '../db/schema.ts';
import type { Notify } from '../notifications/notify.ts';
import { auditAutomation } from './audit-automation.ts';
import { automationActor } from './automation-actor.ts';
import type { AutomationRef } from './fire-due.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { AutomationRow, FiringRow } from './view.ts';

export interface AccountDeps {
  notify?: Notify | undefined;
}

type ExecutionRow = typeof workflowExecutions.$inferSelect;

/** Automations, also such as are gone, of which executions are over and no note of that was taken. */
export async function findUnaccounted(db: Database, limit: number): Promise<AutomationRef[]> {
  const { rows } = await db.orm.execute<{ id: string; tenantId: string }>(sql`
    SELECT DISTINCT automation_id AS id, tenant_id AS "tenantId" FROM outlast.workflow_executions
    WHERE firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NOT NULL LIMIT ${limit}`);
  return rows;
}

/** Takes note of what an automation's executions came to. @returns the automation, if that has paused it */
export async function accountFor(
  db: Database,
  deps: AccountDeps,
  automationId: string,
): Promise<AutomationRow | undefined> {
  return transaction(db, async (tx) => {
    const [before] = await tx
      .select()
      .from(automations)
      .where(eq(automations.id, automationId))
      .for('no key update');
    if (before === undefined) {
      await markAccounted(tx, automationId);
      return undefined;
    }
    const after = await accountForEnded(tx, deps, before);
    return before.enabled && !after.enabled ? after : undefined;
  });
}

/**
 * Takes note, once, of how each execution of an automation ended: whether its firing has failed or gets another
 * attempt, and whether the automation has failed too often. However it ended, and whoever ended it, it is found by
 * this. Whoever fires does this first, so that a place is free as soon as an execution is over. The caller holds the
 * automation's row.
 * @returns the automation as it is then
 */
export async function accountForEnded(
  tx: Transaction,
  deps: AccountDeps,
  automation: AutomationRow,
): Promise<AutomationRow> {
  let now = automation;
  for (const ended of await markAccounted(tx, automation.id)) {
    const [firing] = await tx
      .select()
      .from(firings)
      .where(eq(firings.id, ended.firingId ?? ''));
    if (firing !== undefined) now = await accountForOne(tx, deps, now, firing, ended);
  }
  return now;
}

/** @returns those that were not accounted for, in the order in which they ended */
async function markAccounted(tx: Transaction, automationId: string): Promise<ExecutionRow[]> {
  const { automationId: ofAutomation, firingId, finishedAt, accountedAt } = workflowExecutions;
  const ended = await tx
    .update(workflowExecutions)
    .set({ accountedAt: sql`clock_timestamp()` })
    .where(
      and(eq(ofAutomation, automationId), isNotNull(firingId), isNull(accountedAt), isNotNull(finishedAt)),
    )
    .returning();
  return ended.sort((a, b) => Number(a.finishedAt) - Number(b.finishedAt));
}

async function accountForOne(
  tx: Transaction,
  deps: AccountDeps,
  automation: AutomationRow,
  firing: FiringRow,
  ended: ExecutionRow,
): Promise<AutomationRow> {
  if (ended.status === 'failed' && firing.attempts < automation.maxAttempts) {
    const retryAt = sql`clock_timestamp() + ${retryDelayMs(firing.attempts)} * interval '1 ms'`;
    await changeFiring(tx, firing, { retryAt });
    return automation;
  }
  if (ended.status === 'failed') {
    const reason = ended.errorCode ?? 'internal';
    return failFiring(tx, deps, automation, { ...firing, executionId: ended.id }, reason);
  }
  if (ended.status === 'cancelled') {
    await changeFiring(tx, firing, { reason: 'cancelled' });
    return automation;
  }
  return automation.failuresInRow === 0 ? automation : changeAutomation(tx, automation, { failuresInRow: 0 });
}

/**
 * Gives a firing up; so many in a row pause the automation. The caller holds the automation's row.
 * @returns the automation as it is then
 */
export async function failFiring(
  tx: Transaction,
  { notify }: AccountDeps,
  automation: AutomationRow,
  firing: FiringRow & { executionId: string },
  reason: string,
): Promise<AutomationRow> {
  await changeFiring(tx, firing, { status: 'failed', reason, retryAt: null });
  const failuresInRow = automation.failuresInRow + 1;
  const { id: automationId, enabled, pauseAfterFailures } = automation;
  if (!enabled || pauseAfterFailures === 0 || failuresInRow < pauseAfterFailures)
    return changeAutomation(tx, automation, { failuresInRow });
  const paused = await changeAutomation(tx, automation, {
    failuresInRow,
    enabled: false,
    pausedReason: 'failures',
    nextDueAt: null,
    updatedAt: sql`clock_timestamp()`,
  });
  const { executionId } = firing;
  await auditAutomation(tx, automationActor(automationId), automation, {
    action: 'automation.paused',
    executionId,
    threadId: threadIdOf(executionId),
    details: { failuresInRow },
  });
  await notify?.(tx, { type: 'automation.paused', automationId, executionId });
  return paused;
}

async function changeFiring(
  tx: Transaction,
  { id }: FiringRow,
  columns: PgUpdateSetSource<typeof firings>,
): Promise<void> {
  await tx.update(firings).set(columns).where(eq(firings.id, id));
}

async function changeAutomation(
  tx: Transaction,
  { id }: AutomationRow,
  columns: PgUpdateSetSource<typeof automations>,
): Promise<AutomationRow> {
  const [changed] = await tx.update(automations).set(columns).where(eq(automations.id, id)).returning();
  return changed as AutomationRow;
}
