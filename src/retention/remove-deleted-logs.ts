import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, transaction } from '../db/database.ts';
import { type DueLog, eachLog } from './each-log.ts';
import { removeRows } from './remove-rows.ts';
import type { Batches } from './tally.ts';

interface Deps {
  db: Database;
  logger: Logger;
}

/**
 * Removes the rows of logs whose executions were deleted.
 * @param executionNos those of one thread, by whoever has just deleted it; default: all that are left anywhere
 */
export async function* removeDeletedLogs({ db, logger }: Deps, executionNos?: readonly number[]): Batches {
  const remove = (executionNo: number) => removeLog(db, executionNo);
  if (executionNos === undefined) {
    yield* eachLog(logger, (after, limit) => findDeleted(db, after, limit), remove);
    return;
  }
  // What goes wrong here is made good by the maintenance, to which nobody waits.
  const known = executionNos.map((no) => ({ no: String(no), at: '' }));
  yield* eachLog(logger, async () => known.splice(0), remove);
}

async function findDeleted(db: Database, after: DueLog, limit: number): Promise<DueLog[]> {
  const { rows } = await db.orm.execute<DueLog>(sql`
    SELECT execution_no AS no, '' AS at FROM outlast.deleted_logs
    WHERE execution_no > ${after.no}::bigint ORDER BY execution_no LIMIT ${limit}`);
  return rows;
}

async function* removeLog(db: Database, executionNo: number): Batches {
  for (let isDone = false; !isDone; ) {
    const removed = await transaction(db, async (tx) => {
      const { rowCount } = await tx.execute(sql`
        SELECT 1 FROM outlast.deleted_logs WHERE execution_no = ${executionNo} FOR UPDATE SKIP LOCKED`);
      if (rowCount !== 1) return undefined;
      const rows = await removeRows(tx, executionNo);
      if (rows.isAll)
        await tx.execute(sql`DELETE FROM outlast.deleted_logs WHERE execution_no = ${executionNo}`);
      return rows;
    });
    if (removed === undefined) return;
    isDone = removed.isAll;
    yield { rowsRemoved: removed.count, logsRemoved: isDone ? 1 : 0 };
  }
}
