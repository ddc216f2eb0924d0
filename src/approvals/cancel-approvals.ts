import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { CANCELLED_CALL, CANCELLED_OUTCOME, NOT_CALLED, UNKNOWN_OUTCOME } from '../tools/ledger.ts';

/**
 * What an execution leaves open when it becomes final, settled in the transaction in which it does, while its row is
 * held: nobody is asked any more, a call that was not made never will be, and what became of one that was under way
 * stays unknown. In one statement, for every execution that ends comes by here.
 * @param by who ended it
 * @param isCancelled it was cancelled; the calls say so
 * @returns how many were pending: if any were, the inbox is to be told after the commit
 */
export async function cancelApprovals(
  tx: Transaction,
  executionId: string,
  by: string,
  isCancelled = false,
): Promise<number> {
  const running = isCancelled ? CANCELLED_OUTCOME : UNKNOWN_OUTCOME;
  const pending = isCancelled ? CANCELLED_CALL : NOT_CALLED;
  const { rows } = await tx.execute<{ cancelled: number }>(sql`
    WITH cancelled AS (
      UPDATE outlast.approvals SET status = 'cancelled', decided_by = ${by}, decided_at = clock_timestamp()
      WHERE execution_id = ${executionId} AND status = 'pending'
      RETURNING id, tenant_id
    ), events AS (
      INSERT INTO outlast.approval_events (tenant_id, approval_id, kind, by)
      SELECT tenant_id, id, 'cancelled', ${by} FROM cancelled
    ), calls AS (
      UPDATE outlast.tool_calls t
      SET status = ends.status, error_code = ends.code, error_text = ends.text, ended_at = clock_timestamp()
      FROM (VALUES ('running', ${running.status}, ${running.code}, ${running.text}),
                   ('pending', ${pending.status}, ${pending.code}, ${pending.text})) AS ends(was, status, code, text)
      WHERE t.execution_id = ${executionId} AND t.status = ends.was
    )
    SELECT count(*)::int AS cancelled FROM cancelled`);
  return rows[0]?.cancelled ?? 0;
}
