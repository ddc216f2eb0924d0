import { sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';

/** The clock by which schedules go: that of the database, which all workers share. */
export async function databaseNow(db: Executor): Promise<Date> {
  const { rows } = await db.execute<{ now: number }>(
    sql`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
  );
  return new Date(rows[0]?.now ?? Number.NaN);
}
