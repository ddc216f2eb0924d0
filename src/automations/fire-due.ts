import { and, asc, eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { automations, firings } from '../db/schema.ts';
import { accountForEnded } from './account-for.ts';
import { databaseNow } from './database-now.ts';
import { counted, type FireDeps, type Fired, fire } from './fire.ts';
import type { FiringReason } from './firing-status.ts';
import { DOWN_AFTER_MS, type ScheduleClock } from './record-look.ts';
import { sortDue } from './sort-due.ts';
import type { AutomationRow, FiringRow } from './view.ts';

/** An automation, to be worked on in the database of its tenant. */
export interface AutomationRef {
  id: string;
  tenantId: string;
}

/** Automations of all tenants whose schedules are due, the longest due first. */
export async function findDue(db: Database, limit: number): Promise<AutomationRef[]> {
  const { id, tenantId, nextDueAt } = automations;
  return db.orm
    .select({ id, tenantId })
    .from(automations)
    .where(sql`${nextDueAt} <= statement_timestamp()`)
    .orderBy(asc(nextDueAt))
    .limit(limit);
}

/**
 * Fires a schedule that is due, unless another worker is at it: all of its due times that are not dealt with, and the
 * next one is written down, in one transaction.
 * @param clock as it was read before; nobody fires by one that is too old to tell what was missed
 * @returns what was fired; undefined when there is nothing to do
 */
export async function fireDue(
  db: Database,
  deps: FireDeps,
  automationId: string,
  clock: ScheduleClock,
): Promise<FiringRow[] | undefined> {
  const fired = await transaction(db, async (tx) => {
    const automation = await takeDue(tx, automationId);
    if (automation === undefined) return undefined;
    const now = await databaseNow(tx);
    if (now.getTime() - clock.lookedAt.getTime() > DOWN_AFTER_MS) return undefined;
    // This may pause it, and then nothing is due any more.
    return fireTimes(tx, deps, await accountForEnded(tx, deps, automation), now, clock.downUntil);
  });
  for (const { launch } of fired ?? []) launch();
  return fired?.map(({ firing }) => firing);
}

async function takeDue(tx: Transaction, automationId: string): Promise<AutomationRow | undefined> {
  const { id, nextDueAt } = automations;
  const [automation] = await tx
    .select()
    .from(automations)
    .where(and(eq(id, automationId), sql`${nextDueAt} <= statement_timestamp()`))
    .for('no key update', { skipLocked: true });
  return automation;
}

async function fireTimes(
  tx: Transaction,
  deps: FireDeps,
  automation: AutomationRow,
  now: Date,
  downUntil: Date | null,
): Promise<Fired[]> {
  const { trigger, nextDueAt, catchUp } = automation;
  if (trigger.type !== 'schedule' || nextDueAt === null) return [];
  const { timely, missed, next } = sortDue(trigger, nextDueAt, now, downUntil);
  const fired: Fired[] = [];
  if (missed !== undefined) {
    const { first, last, count } = missed;
    const makesUp = catchUp === 'last';
    const skipped = count - (makesUp ? 1 : 0);
    if (skipped > 0) fired.push(counted(deps, await skipMissed(tx, automation, first, skipped)));
    if (makesUp) timely.unshift(last);
  }
  for (const scheduledFor of timely) {
    const key = scheduledFor.toISOString();
    fired.push(await fire(tx, deps, automation, { cause: 'schedule', key, scheduledFor }));
  }
  await tx
    .update(automations)
    .set({ nextDueAt: next ?? null })
    .where(eq(automations.id, automation.id));
  return fired;
}

/** Due times at which nobody was there, in one row. */
async function skipMissed(
  tx: Transaction,
  { id: automationId, tenantId }: AutomationRow,
  scheduledFor: Date,
  count: number,
): Promise<Fired> {
  const reason: FiringReason = 'missed';
  const [firing] = await tx
    .insert(firings)
    .values({
      id: uuidv7(),
      tenantId,
      automationId,
      cause: 'schedule',
      key: scheduledFor.toISOString(),
      scheduledFor,
      status: 'skipped',
      reason,
      count,
      depth: 0,
    })
    .returning();
  return { firing: firing as FiringRow, launch: () => undefined };
}
