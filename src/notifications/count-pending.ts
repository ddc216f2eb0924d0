import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';

export async function countPending(db: Database): Promise<number> {
  const { rows } = await db.orm.execute<{ count: number }>(sql`
    SELECT count(*)::integer AS count FROM outlast.notifications WHERE status = 'pending'`);
  return rows[0]?.count ?? 0;
}
