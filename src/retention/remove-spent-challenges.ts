import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 1000;

/** Removes challenges that nobody takes any more, by any clock: those of processes may be behind. */
export function removeSpentChallenges(db: Database): Batches {
  return inBatches('challengesRemoved', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      DELETE FROM outlast.spent_challenges WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM outlast.spent_challenges WHERE expires_at < now() - interval '1 hour'
        ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
