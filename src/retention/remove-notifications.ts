import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 500;

/** Removes notifications that were delivered or given up `days` ago, with their deliveries; never a pending one. */
export function removeNotifications(db: Database, days: number): Batches {
  return inBatches('notificationsRemoved', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      DELETE FROM outlast.notifications WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM outlast.notifications
        WHERE status <> 'pending' AND ended_at < now() - ${days} * interval '24 hours'
        ORDER BY ended_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
