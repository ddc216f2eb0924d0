import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { type DueLog, eachLog } from './each-log.ts';
import { holdLog, UNREMOVED } from './hold-log.ts';
import type { Batches } from './tally.ts';

const BATCH_ROWS = 5000;

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
    const rowsRemoved = await transaction(db, async (tx) => {
      if (!(await holdLog(tx, executionNo, UNREMOVED))) return undefined;
      const removed = await removeRows(tx, executionNo);
      if (removed < BATCH_ROWS) {
        await tx.execute(sql`
          UPDATE outlast.workflow_executions SET log_removed_at = clock_timestamp() WHERE no = ${executionNo}`);
      }
      return removed;
    });
    if (rowsRemoved === undefined) return;
    isDone = rowsRemoved < BATCH_ROWS;
    yield { rowsRemoved, logsRemoved: isDone ? 1 : 0 };
  }
}

/** From the end: who still reads it then sees a log that stops, never one with a gap. */
async function removeRows(tx: Transaction, executionNo: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    DELETE FROM outlast.stream_chunks WHERE execution_no = ${executionNo} AND seq >= coalesce((
      SELECT seq FROM outlast.stream_chunks WHERE execution_no = ${executionNo}
      ORDER BY seq DESC OFFSET ${BATCH_ROWS - 1} LIMIT 1), 0)`);
  return rowCount ?? 0;
}
