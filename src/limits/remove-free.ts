import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';

const AT_ONCE = 10_000;

/** Removes rows of whom all is free again; one that a process is just settling is left to it. */
export async function removeFree({ orm }: Database): Promise<void> {
  await orm.execute(sql`
    DELETE FROM outlast.rate_limits WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM outlast.rate_limits WHERE free_at < clock_timestamp()
      LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED))`);
}
