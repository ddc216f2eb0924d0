import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { KEPT } from './hold-log.ts';
import { inBatches } from './in-batches.ts';
import type { Batches } from './tally.ts';

const BATCH = 500;

/**
 * Says that the logs of executions which ended `days` ago are gone. From that commit on they are answered with
 * `log-expired`; only then are their rows removed. An execution that is not final never gets here.
 */
export function expireLogs(db: Database, days: number): Batches {
  return inBatches('logsExpired', BATCH, async (limit) => {
    const { rowCount } = await db.orm.execute(sql`
      UPDATE outlast.workflow_executions SET log_expired_at = clock_timestamp()
      WHERE no = ANY(ARRAY(
        SELECT no FROM outlast.workflow_executions
        WHERE ${KEPT} AND finished_at < now() - ${days} * interval '24 hours'
        ORDER BY finished_at LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED))`);
    return rowCount ?? 0;
  });
}
