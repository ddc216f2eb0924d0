import { and, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import type { DeliveryRef } from '../../workflows/deliver-notification.ts';
import { type Database, transaction } from '../db/database.ts';
import { notificationDeliveries, workers } from '../db/schema.ts';

/** What a delivery says whose process ended, or stood still, before it wrote down what came of it. */
export const LOST = 'nobody knows whether it arrived';

/**
 * Due, and nobody is at it: it was not taken, or whoever took it took too long, or is dead. So what a killed process
 * was about to send goes out as soon as its death is known. Due by the time of the statement, which an index can be
 * entered with: while a receiver is down all that it is to be told is pending, and every worker asks each second.
 */
const IS_FREE: SQL = sql`n.status = 'pending' AND n.next_attempt_at <= statement_timestamp() AND (
  n.leased_until IS NULL OR n.leased_until <= clock_timestamp()
  OR NOT EXISTS (SELECT 1 FROM outlast.workers w WHERE w.worker_id = n.leased_by))`;

/** Whether there is anything to take: all that an idle worker asks. */
export async function isAnyDue(db: Database): Promise<boolean> {
  const { rowCount } = await db.orm.execute(
    sql`SELECT 1 FROM outlast.notifications n WHERE ${IS_FREE} LIMIT 1`,
  );
  return rowCount === 1;
}

/**
 * Takes due notifications, the longest due first, each for one try of this worker: nobody else sends it for
 * `leaseMs`. Each try has its number, and a row from now on, whatever becomes of it.
 */
export async function claimDue(
  db: Database,
  workerId: string,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<DeliveryRef[]> {
  return transaction(db, async (tx) => {
    const alive = await tx
      .select({ workerId: workers.workerId })
      .from(workers)
      .where(eq(workers.workerId, workerId))
      .for('key share');
    if (alive.length === 0) return [];
    const { rows } = await tx.execute<{ id: string; tries: number; tenant_id: string }>(sql`
      WITH due AS (
        SELECT n.id FROM outlast.notifications n WHERE ${IS_FREE}
        ORDER BY n.next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
      )
      UPDATE outlast.notifications n
      SET tries = n.tries + 1, leased_by = ${workerId},
          leased_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
      FROM due WHERE n.id = due.id
      RETURNING n.id, n.tries, n.tenant_id`);
    if (rows.length === 0) return [];
    const ids = rows.map(({ id }) => id);
    const { notificationId, durationMs, error } = notificationDeliveries;
    await tx
      .update(notificationDeliveries)
      .set({ error: LOST })
      .where(and(inArray(notificationId, ids), isNull(durationMs), isNull(error)));
    await tx
      .insert(notificationDeliveries)
      .values(rows.map((row) => ({ notificationId: row.id, no: row.tries, tenantId: row.tenant_id })));
    return rows.map((row) => ({ notificationId: row.id, no: row.tries }));
  });
}
