import { sql } from 'drizzle-orm';
import { type Database, transaction } from '../db/database.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 500;

/**
 * Removes entries of the audit log that are older than so many days. Nothing else may: the log's trigger lets a
 * transaction delete that says it is this one. The oldest are found by their ids, which begin with the time, so that
 * there is no index to be kept for this alone.
 */
export function removeAuditEntries(db: Database, days: number): Batches {
  return inBatches('auditEntriesRemoved', BATCH, (limit) =>
    transaction(db, async (tx) => {
      await tx.execute(sql`SET LOCAL outlast.audit_retention = 'on'`);
      const { rowCount } = await tx.execute(sql`
        DELETE FROM outlast.audit_log
        WHERE at < now() - ${days} * interval '24 hours' AND id = ANY(ARRAY(
          SELECT id FROM outlast.audit_log ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED))`);
      return rowCount ?? 0;
    }),
  );
}
