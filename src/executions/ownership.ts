import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';

/** This process no longer runs the execution: somebody took it over, cancelled it, or finished it. Stop quietly. */
export class OwnershipLost extends Error {
  override readonly name = 'OwnershipLost';
}

/** What whoever ran an execution is told when its attempt is not the current one any more. */
export function noLongerOwned(executionId: string): OwnershipLost {
  return new OwnershipLost(`Execution ${executionId} was cancelled, deleted or taken over`);
}

/**
 * The first statement of every transaction that writes for a running execution (L4): locks its row, so that a
 * claim, takeover or cancel comes wholly before or wholly after.
 * @throws OwnershipLost when the attempt is not the current one, or the execution does not run.
 */
export async function holdExecution(tx: Transaction, executionId: string, attempt: number): Promise<void> {
  const { rowCount } = await tx.execute(sql`
    SELECT 1 FROM outlast.workflow_executions
    WHERE id = ${executionId} AND attempt = ${attempt} AND status = 'running'
    FOR NO KEY UPDATE`);
  if (rowCount !== 1) throw noLongerOwned(executionId);
}
