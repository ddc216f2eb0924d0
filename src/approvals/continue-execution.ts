import { eq } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import { type DiscardSegments, handOver } from '../executions/hand-over.ts';
import { findPendingReason } from './pending.ts';

/** An execution whose row is locked, as far as a decision has to know it. */
export interface HeldExecution {
  id: string;
  no: number;
  tenantId: string;
  threadNo: number;
  status: string;
  suspendedReason: string | null;
  attempt: number;
  segment: number;
}

/**
 * Lets a suspended execution go on when nothing is left that it waits for. One that is not suspended needs nothing:
 * whoever runs it looks at its approvals before it suspends.
 * @returns what to call after the commit
 */
export async function continueExecution(
  tx: Transaction,
  deps: { dispatch: Dispatch; discard: DiscardSegments },
  execution: HeldExecution,
): Promise<() => void> {
  if (execution.status !== 'suspended') return () => undefined;
  const reason = await findPendingReason(tx, execution.id);
  if (reason === undefined) {
    const { id: executionId, attempt, segment } = execution;
    const from = { executionId, status: 'suspended' as const, attempt, segment };
    const [handed] = await handOver(tx, deps.dispatch, deps.discard, [from], 'suspended');
    return handed?.launch ?? (() => undefined);
  }
  if (reason !== execution.suspendedReason) {
    await tx
      .update(workflowExecutions)
      .set({ suspendedReason: reason })
      .where(eq(workflowExecutions.id, execution.id));
  }
  return () => undefined;
}
