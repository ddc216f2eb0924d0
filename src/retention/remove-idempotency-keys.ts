import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

/** How long a key stands for its first answer. */
export const KEY_LIFETIME = sql.raw(`interval '24 hours'`);

const BATCH = 1000;

/** Removes keys that stand for nothing any more. One that a request is just taking anew is left to it. */
export function removeIdempotencyKeys(db: Database): Batches {
  return inBatches('keysRemoved', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      DELETE FROM outlast.idempotency_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM outlast.idempotency_keys WHERE created_at < now() - ${KEY_LIFETIME}
        ORDER BY created_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
