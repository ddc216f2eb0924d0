import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { approvals, toolCalls } from '../db/schema.ts';
import { UNKNOWN_OUTCOME } from '../tools/ledger.ts';
import { recordEvent } from './record-event.ts';

/**
 * What an execution leaves open when it becomes final, settled in the transaction in which it does, while its row is
 * held: nobody is asked any more, and what became of a call that was under way stays unknown.
 * @param by who ended it
 */
export async function cancelApprovals(tx: Transaction, executionId: string, by: string): Promise<void> {
  const cancelled = await tx
    .update(approvals)
    .set({ status: 'cancelled', decidedBy: by, decidedAt: sql`clock_timestamp()` })
    .where(and(eq(approvals.executionId, executionId), eq(approvals.status, 'pending')))
    .returning({ id: approvals.id, tenantId: approvals.tenantId });
  for (const approval of cancelled) await recordEvent(tx, approval, { kind: 'cancelled', by });
  await tx
    .update(toolCalls)
    .set({
      status: UNKNOWN_OUTCOME.status,
      errorCode: UNKNOWN_OUTCOME.code,
      errorText: UNKNOWN_OUTCOME.text,
      endedAt: sql`clock_timestamp()`,
    })
    .where(and(eq(toolCalls.executionId, executionId), eq(toolCalls.status, 'running')));
}
