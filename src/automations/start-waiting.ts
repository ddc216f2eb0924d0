import { and, asc, eq, isNotNull, sql } from 'drizzle-orm';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { automations, firings } from '../db/schema.ts';
import { Problem } from '../problems/problem.ts';
import { accountForEnded, failFiring } from './account-for.ts';
import { findFullness, isTenantFull } from './find-fullness.ts';
import type { FireDeps } from './fire.ts';
import type { AutomationRef } from './fire-due.ts';
import { startAttempt, startRetry } from './start-attempt.ts';
import type { AutomationRow, FiringRow } from './view.ts';

/** Automations of which a retry is due, or a firing waits while there is a place for it; paused ones start nothing. */
export async function findStartable(db: Database, limit: number): Promise<AutomationRef[]> {
  const { rows } = await db.orm.execute<{ id: string; tenantId: string }>(sql`
    SELECT a.id, a.tenant_id AS "tenantId" FROM outlast.automations a
    WHERE a.enabled AND (
      a.id IN (SELECT automation_id FROM outlast.firings WHERE retry_at <= statement_timestamp())
      OR a.id IN (SELECT automation_id FROM outlast.firings WHERE status = 'enqueued')
        AND a.max_concurrent > (SELECT count(*) FROM outlast.workflow_executions e
          WHERE e.tenant_id = a.tenant_id AND e.automation_id = a.id
            AND e.firing_id IS NOT NULL AND e.accounted_at IS NULL)
          + (SELECT count(*) FROM outlast.firings r WHERE r.automation_id = a.id AND r.retry_at IS NOT NULL))
    LIMIT ${limit}`);
  return rows;
}

/**
 * Starts one firing of an automation that waits, a retry before one that has not begun, if there is a place for it.
 * @returns what was started; undefined when there is nothing to do, or somebody else is at it
 */
export async function startWaiting(
  db: Database,
  deps: FireDeps,
  automationId: string,
): Promise<FiringRow | undefined> {
  const started = await transaction(db, async (tx) => {
    const [automation] = await tx
      .select()
      .from(automations)
      .where(and(eq(automations.id, automationId), eq(automations.enabled, true)))
      .for('no key update', { skipLocked: true });
    if (automation === undefined) return undefined;
    const now = await accountForEnded(tx, deps, automation);
    if (!now.enabled) return undefined;
    return (await retryOne(tx, deps, now)) ?? (await startOne(tx, deps, now));
  });
  started?.launch();
  return started?.firing;
}

async function retryOne(tx: Transaction, deps: FireDeps, automation: AutomationRow) {
  const [firing] = await tx
    .select()
    .from(firings)
    .where(and(eq(firings.automationId, automation.id), sql`${firings.retryAt} <= statement_timestamp()`))
    .orderBy(asc(firings.retryAt))
    .limit(1);
  const executionId = firing?.executionId ?? undefined;
  if (firing === undefined || executionId === undefined) return undefined;
  if (await isTenantFull(tx, automation.tenantId, deps.tenantConcurrency)) return undefined;
  try {
    return await startRetry(tx, deps, automation, { ...firing, executionId });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await giveUp(tx, deps, automation, { ...firing, executionId }, error.code);
    return undefined;
  }
}

/** Its thread has gone on without it, or somebody has removed that: there is nothing left to answer again. */
async function giveUp(
  tx: Transaction,
  deps: FireDeps,
  automation: AutomationRow,
  firing: FiringRow & { executionId: string },
  reason: string,
): Promise<void> {
  if (reason !== 'not-found') {
    await failFiring(tx, deps, automation, firing, reason);
    return;
  }
  await tx.update(firings).set({ status: 'failed', reason, retryAt: null }).where(eq(firings.id, firing.id));
}

async function startOne(tx: Transaction, deps: FireDeps, automation: AutomationRow) {
  const { automationId, status, input, createdAt, id } = firings;
  const [firing] = await tx
    .select()
    .from(firings)
    .where(and(eq(automationId, automation.id), eq(status, 'enqueued'), isNotNull(input)))
    .orderBy(asc(createdAt), asc(id))
    .limit(1);
  if (firing?.input == null) return undefined;
  const fullness = await findFullness(tx, automation, deps.tenantConcurrency, true);
  return fullness === undefined ? startAttempt(tx, deps, automation, firing, firing.input) : undefined;
}
