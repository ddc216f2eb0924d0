import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { type Database, transaction } from '../db/database.ts';
import { type DueLog, eachLog } from './each-log.ts';
import { holdLog, UNPACKED } from './hold-log.ts';
import { packStretch } from './pack-stretch.ts';
import type { Batches } from './tally.ts';

export interface PackOptions {
  db: Database;
  logger: Logger;
  /** Milliseconds that an execution has been final for: most readers are gone by then. */
  packAfterMs: number;
}

/**
 * Packs the logs of finished executions. A crash in between leaves a log that is packed in part, reads the same,
 * and is gone on with.
 */
export function packLogs({ db, logger, packAfterMs }: PackOptions): Batches {
  return eachLog(
    logger,
    (after, limit) => findUnpacked(db, packAfterMs, after, limit),
    (executionNo) => packLog(db, executionNo),
  );
}

async function findUnpacked(
  db: Database,
  packAfterMs: number,
  after: DueLog,
  limit: number,
): Promise<DueLog[]> {
  const { rows } = await db.orm.execute<DueLog>(sql`
    SELECT no, finished_at::text AS at FROM outlast.workflow_executions
    WHERE ${UNPACKED} AND finished_at < now() - ${packAfterMs} * interval '1 ms'
      AND (finished_at, no) > (${after.at}::timestamptz, ${after.no}::bigint)
    ORDER BY finished_at, no LIMIT ${limit}`);
  return rows;
}

async function* packLog(db: Database, executionNo: number): Batches {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const from: number = after;
    const stretch = await transaction(db, async (tx) => {
      if (!(await holdLog(tx, executionNo, UNPACKED))) return undefined;
      const packed = await packStretch(tx, executionNo, from);
      if (packed.lastSeq === undefined) {
        await tx.execute(sql`
          UPDATE outlast.workflow_executions SET log_packed_at = clock_timestamp() WHERE no = ${executionNo}`);
      }
      return packed;
    });
    if (stretch === undefined) return;
    const { rowsBefore, rowsAfter, lastSeq } = stretch;
    yield { rowsBefore, rowsAfter, logsPacked: lastSeq === undefined ? 1 : 0 };
    after = lastSeq;
  }
}
