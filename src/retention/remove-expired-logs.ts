import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, transaction } from '../db/database.ts';
import { type DueLog, eachLog } from './each-log.ts';
import { holdLog, UNREMOVED } from './hold-log.ts';
import { removeRows } from './remove-rows.ts';
import type { Batches } from './tally.ts';

/** Removes the rows of logs that have expired. A crash in between leaves the beginning of a log, which goes next. */
export function removeExpiredLogs({ db, logger }: { db: Database; logger: Logger }): Batches {
  return eachLog(
    logger,
    (after, limit) => findUnremoved(db, after, limit),
    (executionNo) => removeLog(db, executionNo),
  );
}

async function findUnremoved(db: Database, after: DueLog, limit: number): Promise<DueLog[]> {
  const { rows } = await db.orm.execute<DueLog>(sql`
    SELECT no, log_expired_at::text AS at FROM outlast.workflow_executions
    WHERE ${UNREMOVED} AND (log_expired_at, no) > (${after.at}::timestamptz, ${after.no}::bigint)
    ORDER BY log_expired_at, no LIMIT ${limit}`);
  return rows;
}

async function* removeLog(db: Database, executionNo: number): Batches {
  for (let isDone = false; !isDone; ) {
    const removed = await transaction(db, async (tx) => {
      if (!(await holdLog(tx, executionNo, UNREMOVED))) return undefined;
      const rows = await removeRows(tx, executionNo);
      if (rows.isAll) {
        await tx.execute(sql`
          UPDATE outlast.workflow_executions SET log_removed_at = clock_timestamp() WHERE no = ${executionNo}`);
      }
      return rows;
    });
    if (removed === undefined) return;
    isDone = removed.isAll;
    yield { rowsRemoved: removed.count, logsRemoved: isDone ? 1 : 0 };
  }
}
