import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';

const BATCH_ROWS = 5000;

/** What one transaction has removed of a log. */
export interface RemovedRows {
  count: number;
  /** Nothing is left of it. */
  isAll: boolean;
}

/** Removes rows of a log from its end: who still reads it then sees a log that stops, never one with a gap. */
export async function removeRows(tx: Transaction, executionNo: number): Promise<RemovedRows> {
  const { rowCount } = await tx.execute(sql`
    DELETE FROM outlast.stream_chunks WHERE execution_no = ${executionNo} AND seq >= coalesce((
      SELECT seq FROM outlast.stream_chunks WHERE execution_no = ${executionNo}
      ORDER BY seq DESC OFFSET ${BATCH_ROWS - 1} LIMIT 1), 0)`);
  const count = rowCount ?? 0;
  return { count, isAll: count < BATCH_ROWS };
}
