import { and, eq, sql } from 'drizzle-orm';
import type { DeliveryOutcome, DeliveryRef } from '../../workflows/deliver-notification.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { notificationDeliveries, notifications } from '../db/schema.ts';
import { retryDelayMs } from './retry-schedule.ts';

export interface RecordDeps {
  db: Database;
  workerId: string;
  schedule: readonly number[];
  random: () => number;
}

/** What a try has made of a notification. */
export type Recorded = 'delivered' | 'postponed' | 'failed';

/**
 * Writes down what came of a try: its row, and what becomes of the notification. One whose lease was lost meanwhile
 * is left to whoever has it now.
 * @returns undefined when it was lost, or an earlier try to write it down committed without our hearing of it
 */
export async function recordDelivery(
  deps: RecordDeps,
  ref: DeliveryRef,
  outcome: DeliveryOutcome,
): Promise<Recorded | undefined> {
  return transaction(deps.db, async (tx) => {
    const isOurs = and(
      eq(notifications.id, ref.notificationId),
      eq(notifications.tries, ref.no),
      eq(notifications.leasedBy, deps.workerId),
    );
    const [held] = await tx
      .select({ failures: notifications.failures })
      .from(notifications)
      .where(isOurs)
      .for('update');
    await recordRow(tx, ref, outcome);
    if (held === undefined) return undefined;
    const { recorded, change } = changeOf(deps, outcome, held.failures + 1);
    await tx
      .update(notifications)
      .set({ ...change, leasedBy: null, leasedUntil: null })
      .where(isOurs);
    return recorded;
  });
}

async function recordRow(
  tx: Transaction,
  { notificationId, no }: DeliveryRef,
  { durationMs, statusCode, error, response }: DeliveryOutcome,
): Promise<void> {
  await tx
    .update(notificationDeliveries)
    .set({ durationMs, statusCode, error, response })
    .where(and(eq(notificationDeliveries.notificationId, notificationId), eq(notificationDeliveries.no, no)));
}

function changeOf({ schedule, random }: RecordDeps, outcome: DeliveryOutcome, failures: number) {
  const now = sql`clock_timestamp()`;
  const ended = { nextAttemptAt: null, endedAt: now };
  if (outcome.verdict === 'delivered') {
    return { recorded: 'delivered' as const, change: { status: 'delivered' as const, ...ended } };
  }
  const delayMs =
    outcome.verdict === 'refused'
      ? undefined
      : retryDelayMs(schedule, failures, outcome.retryAfterMs, random());
  if (delayMs === undefined) {
    return { recorded: 'failed' as const, change: { status: 'failed' as const, failures, ...ended } };
  }
  const nextAttemptAt = sql`clock_timestamp() + ${delayMs} * interval '1 ms'`;
  return { recorded: 'postponed' as const, change: { failures, nextAttemptAt } };
}
