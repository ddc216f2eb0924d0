import { type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';

/** What is still to be done for a log, as the indexes that find it say it. */
export const UNPACKED = sql.raw(
  'finished_at IS NOT NULL AND log_packed_at IS NULL AND log_expired_at IS NULL',
);
export const KEPT = sql.raw('finished_at IS NOT NULL AND log_expired_at IS NULL');
export const UNREMOVED = sql.raw('log_expired_at IS NOT NULL AND log_removed_at IS NULL');

/**
 * Takes the row of the execution, so that one worker at a time has its log in hand. To be awaited before the log
 * is looked at: the next statement then sees all that the last holder did.
 * @returns false when somebody else has it, or nothing is left to do
 */
export async function holdLog(tx: Transaction, executionNo: number, isDue: SQL): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    SELECT 1 FROM outlast.workflow_executions WHERE no = ${executionNo} AND ${isDue}
    FOR NO KEY UPDATE SKIP LOCKED`);
  return rowCount === 1;
}
