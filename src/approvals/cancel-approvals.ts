import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { UNKNOWN_OUTCOME } from '../tools/ledger.ts';

/**
 * What an execution leaves open when it becomes final, settled in the transaction in which it does, while its row is
 * held: nobody is asked any more, and what became of a call that was under way stays unknown. In one statement, for
 * every execution that ends comes by here.
 * @param by who ended it
 * @returns how many were pending: if any were, the inbox is to be told after the commit
 */
export async function cancelApprovals(tx: Transaction, executionId: string, by: string): Promise<number> {
  const { status, code, text } = UNKNOWN_OUTCOME;
  const { rows } = await tx.execute<{ cancelled: number }>(sql`
    WITH cancelled AS (
      UPDATE outlast.approvals SET status = 'cancelled', decided_by = ${by}, decided_at = clock_timestamp()
      WHERE execution_id = ${executionId} AND status = 'pending'
      RETURNING id, tenant_id
    ), events AS (
      INSERT INTO outlast.approval_events (tenant_id, approval_id, kind, by)
      SELECT tenant_id, id, 'cancelled', ${by} FROM cancelled
    ), calls AS (
      UPDATE outlast.tool_calls
      SET status = ${status}, error_code = ${code}, error_text = ${text}, ended_at = clock_timestamp()
      WHERE execution_id = ${executionId} AND status = 'running'
    )
    SELECT count(*)::int AS cancelled FROM cancelled`);
  return rows[0]?.cancelled ?? 0;
}
