import { and, eq, isNull, sql } from 'drizzle-orm';
import { findPendingReason } from '../approvals/pending.ts';
import { readLastSeq } from '../chunks/read-rows.ts';
import type { Transaction } from '../db/database.ts';
import { approvals, workflowExecutions } from '../db/schema.ts';
import { endAttempt } from './hand-over.ts';
import type { OwnedExecution } from './owned-execution.ts';

/**
 * Lets an execution wait for people: from the commit on it costs rows and nothing else. Whoever decides takes the
 * execution's row before the approval's, so that a decision comes wholly before this look, or finds it suspended.
 * @returns false when everything was decided meanwhile: it goes on instead
 * @throws OwnershipLost
 */
export async function suspendExecution(owned: OwnedExecution): Promise<boolean> {
  const { id, no, attempt } = owned.claimed;
  return owned.log.transact({
    work: async ({ tx }) => {
      const reason = await findPendingReason(tx, id);
      if (reason === undefined) return false;
      await endAttempt(tx, id, attempt, 'suspended');
      await markAsked(tx, id, await readLastSeq(tx, no));
      await tx
        .update(workflowExecutions)
        .set({
          status: 'suspended',
          suspendedReason: reason,
          suspendedAt: sql`clock_timestamp()`,
          workerId: null,
          activeMs: owned.activeMs,
        })
        .where(eq(workflowExecutions.id, id));
      return true;
    },
  });
}

/** Keeps how much of the log a client has that stops reading here, for when it goes on. */
async function markAsked(tx: Transaction, executionId: string, lastSeq: number): Promise<void> {
  await tx
    .update(approvals)
    .set({ suspendedSeq: lastSeq })
    .where(
      and(
        eq(approvals.executionId, executionId),
        eq(approvals.status, 'pending'),
        isNull(approvals.suspendedSeq),
      ),
    );
}
