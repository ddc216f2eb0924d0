import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import type { AutomationRow } from './view.ts';

/** Firings of one automation that may wait for a place. */
const LONGEST_QUEUE = 1000;
/** Firings of a tenant that may be in open transactions at the same moment, in all processes. */
const MOST_AT_ONCE = 64;

export interface Fullness {
  reason: 'busy' | 'tenant-busy';
  isQueueFull: boolean;
}

type Place = Pick<AutomationRow, 'id' | 'tenantId' | 'maxConcurrent'>;

/**
 * Why an automation may start no other execution now; undefined when it may. An execution takes up its place until its
 * automation has taken note of its end, and keeps it while its retry is waited for. The caller holds the automation's
 * row, so that the places of one are counted by one at a time.
 * @param isNext it has waited the longest; what comes new lets those that wait go first
 */
export async function findFullness(
  tx: Transaction,
  automation: Place,
  tenantConcurrency: number,
  isNext = false,
): Promise<Fullness | undefined> {
  const { executions, retries, waiting } = await countTaken(tx, automation);
  if (executions + retries >= automation.maxConcurrent || (waiting > 0 && !isNext))
    return { reason: 'busy', isQueueFull: waiting >= LONGEST_QUEUE };
  if (await isTenantFull(tx, automation.tenantId, tenantConcurrency))
    return { reason: 'tenant-busy', isQueueFull: false };
  return undefined;
}

/**
 * Whether all automations of a tenant have as many executions that are not over as they may. Near the limit they are
 * counted by one at a time, under an advisory lock until the commit, which is taken last of all but threads. Far below,
 * it would only make all that fires in a tenant wait for one another.
 */
export async function isTenantFull(
  tx: Transaction,
  tenantId: string,
  tenantConcurrency: number,
): Promise<boolean> {
  if ((await countOfTenant(tx, tenantId)) + MOST_AT_ONCE < tenantConcurrency) return false;
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('outlast.automations:' || ${tenantId}, 0))`,
  );
  // In a statement of its own: only that sees what was committed while the lock was waited for.
  return (await countOfTenant(tx, tenantId)) >= tenantConcurrency;
}

async function countOfTenant(tx: Transaction, tenantId: string): Promise<number> {
  const { rows } = await tx.execute<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM outlast.workflow_executions
    WHERE tenant_id = ${tenantId} AND firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NULL`);
  return rows[0]?.count ?? 0;
}

interface Taken extends Record<string, unknown> {
  executions: number;
  retries: number;
  waiting: number;
}

async function countTaken(tx: Transaction, { id, tenantId }: Place): Promise<Taken> {
  const { rows } = await tx.execute<Taken>(sql`
    SELECT
      (SELECT count(*)::int FROM outlast.workflow_executions
        WHERE tenant_id = ${tenantId} AND automation_id = ${id}
          AND firing_id IS NOT NULL AND accounted_at IS NULL) AS executions,
      (SELECT count(*)::int FROM outlast.firings
        WHERE automation_id = ${id} AND retry_at IS NOT NULL) AS retries,
      (SELECT count(*)::int FROM outlast.firings
        WHERE automation_id = ${id} AND status = 'enqueued') AS waiting`);
  return rows[0] as Taken;
}
