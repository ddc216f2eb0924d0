import { and, eq, sql } from 'drizzle-orm';
import { cancelApprovals } from '../approvals/cancel-approvals.ts';
import { insertInTransaction } from '../chunks/insert-rows.ts';
import { readLastSeq } from '../chunks/read-rows.ts';
import { makeRows } from '../chunks/row.ts';
import { type Database, transaction } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { workflowExecutions } from '../db/schema.ts';
import type { Notify } from '../notifications/notify.ts';
import { endAttempt } from './hand-over.ts';
import type { OwnedExecution } from './owned-execution.ts';
import { holdExecution } from './ownership.ts';

/**
 * The way out when finishing itself fails by a fault of ours: the execution becomes final with nothing but its
 * last row, so that it cannot hang (E3). Its thread's next is promoted by a healer.
 */
export async function failPlainly(
  { db, notify }: { db: Database; notify?: Notify | undefined },
  owned: OwnedExecution,
  signal: AbortSignal,
): Promise<void> {
  const { claimed, log, loggedTurn } = owned;
  const cancelled = await untilReachable(signal, () =>
    transaction(db, async (tx) => {
      await holdExecution(tx, claimed.id, claimed.attempt);
      const last = (await readLastSeq(tx, claimed.no)) + 1;
      const chunk = { type: 'error' as const, errorText: 'An internal error ended the execution' };
      const rows = makeRows([{ turn: loggedTurn, chunk }], last, claimed.attempt);
      await insertInTransaction(tx, log.owner, rows);
      const cancelled = await cancelApprovals(tx, claimed.id, 'outlast');
      await endAttempt(tx, claimed.id, claimed.attempt, 'failed');
      await tx
        .update(workflowExecutions)
        .set({
          status: 'failed',
          workerId: null,
          errorCode: 'internal',
          errorDetail: chunk.errorText,
          finishedAt: sql`clock_timestamp()`,
          lastSeq: last,
        })
        .where(and(eq(workflowExecutions.id, claimed.id), eq(workflowExecutions.attempt, claimed.attempt)));
      await notify?.(tx, { type: 'execution.failed', executionId: claimed.id });
      return cancelled;
    }),
  );
  if (cancelled > 0) log.inboxChanged();
}
