import { and, asc, eq, notInArray, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { automations, firings, scheduleClock } from '../db/schema.ts';
import { accountForEnded } from './account-for.ts';
import { counted, type FireDeps, type Fired, fire } from './fire.ts';
import type { FiringReason } from './firing-status.ts';
import { DOWN_AFTER_MS } from './record-look.ts';
import { sortDue } from './sort-due.ts';
import type { AutomationRow, FiringRow } from './view.ts';

/** A schedule that was due, and what became of its due times, or why nothing did. */
export type FiredSchedule = { automationId: string } & ({ firings: FiringRow[] } | { error: unknown });

/**
 * Fires the schedule that is longest due, unless another worker is at it: all of its due times that are not dealt with,
 * and the next one is written down, in one transaction.
 * @param except automations that are left alone
 * @returns undefined when there is none
 */
export async function fireDue(
  db: Database,
  deps: FireDeps,
  except: readonly string[],
): Promise<FiredSchedule | undefined> {
  let automationId: string | undefined;
  try {
    const fired = await transaction(db, async (tx) => {
      const taken = await takeDue(tx, except);
      automationId = taken?.automation.id;
      return taken === undefined ? [] : fireTimes(tx, deps, taken);
    });
    if (automationId === undefined) return undefined;
    for (const { launch } of fired) launch();
    return { automationId, firings: fired.map(({ firing }) => firing) };
  } catch (error) {
    if (automationId === undefined) throw error;
    return { automationId, error };
  }
}

interface TakenSchedule {
  automation: AutomationRow;
  now: Date;
  downUntil: Date | null;
}

async function takeDue(tx: Transaction, except: readonly string[]): Promise<TakenSchedule | undefined> {
  const { nextDueAt, id } = automations;
  const [automation] = await tx
    .select()
    .from(automations)
    .where(
      and(
        sql`${nextDueAt} <= statement_timestamp()`,
        except.length === 0 ? undefined : notInArray(id, [...except]),
      ),
    )
    .orderBy(asc(nextDueAt))
    .limit(1)
    .for('no key update', { skipLocked: true });
  if (automation === undefined) return undefined;
  const [clock] = await tx
    .select({
      now: sql`clock_timestamp()`.mapWith(scheduleClock.lookedAt),
      downUntil: scheduleClock.downUntil,
    })
    .from(scheduleClock)
    // Who comes back first notes that nobody was there: until then it is not known what was missed.
    .where(sql`${scheduleClock.lookedAt} >= clock_timestamp() - ${DOWN_AFTER_MS} * interval '1 ms'`);
  if (clock === undefined) return undefined;
  return { automation, now: clock.now, downUntil: clock.downUntil };
}

async function fireTimes(
  tx: Transaction,
  deps: FireDeps,
  { automation: taken, now, downUntil }: TakenSchedule,
): Promise<Fired[]> {
  // This may pause it, and then nothing is due any more.
  const automation = await accountForEnded(tx, deps, taken);
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
