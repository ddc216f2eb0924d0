import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 1000;

/** Removes tokens that have expired: they are as good as those that never were. */
export function removeAccessTokens(db: Database): Batches {
  return inBatches('tokensRemoved', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      DELETE FROM outlast.access_tokens WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM outlast.access_tokens WHERE expires_at < now()
        ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
