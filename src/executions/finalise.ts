import type { UIMessage } from 'ai';
import { eq, sql } from 'drizzle-orm';
import type { Outcome } from '../../workflows/steps.ts';
import { cancelApprovals } from '../approvals/cancel-approvals.ts';
import type { Transaction } from '../db/database.ts';
import { messages, threads, workflowExecutions } from '../db/schema.ts';
import type { Notify } from '../notifications/notify.ts';
import type { Dispatch } from './dispatch.ts';
import { endAttempt } from './hand-over.ts';
import { promoteNext } from './promote-next.ts';

/** Somebody ended it, and why. */
export interface Cancelled {
  status: 'cancelled';
  reason: string | null;
  mode: CancelMode;
  by: string;
}

/** `interrupt` keeps what was said so far as a partial message; `discard` stores none. */
export type CancelMode = 'interrupt' | 'discard';

/** An execution whose row is held, as it was before it became final. */
export interface Ended {
  id: string;
  tenantId: string;
  threadNo: number;
  ordinal: number;
  segment: number;
  attempt: number;
}

interface Final {
  outcome: Outcome | Cancelled;
  /** What its log, with the rows that end it, folds to. */
  message: UIMessage;
  lastSeq: number;
  /** Milliseconds that it was worked on; undefined: as was last written down. */
  activeMs?: number;
}

export interface Finalised {
  /** How many approvals were pending: if any were, the inbox is to be told. */
  cancelled: number;
  /** Starts the thread's next. */
  launch: () => void;
}

/**
 * Makes an execution final, by its owner or by somebody else: the one way there is. The caller holds the thread's row
 * and the execution's, found in a status from which the move is allowed (E1), and appends the rows that end the log in
 * the same transaction.
 * @returns what is to be done after the commit
 */
export async function finalise(
  tx: Transaction,
  deps: { dispatch: Dispatch; notify?: Notify | undefined },
  ended: Ended,
  final: Final,
): Promise<Finalised> {
  const { outcome, message } = final;
  if (outcome.status !== 'cancelled' || outcome.mode === 'interrupt') {
    await storeMessage(tx, ended, message, outcome.status === 'completed' ? 'complete' : 'partial');
  }
  await makeFinal(tx, ended, final);
  const isCancelled = outcome.status === 'cancelled';
  const cancelled = await cancelApprovals(tx, ended.id, isCancelled ? outcome.by : 'outlast', isCancelled);
  await endAttempt(tx, ended.id, ended.attempt, outcome.status);
  await deps.notify?.(tx, { type: `execution.${outcome.status}`, executionId: ended.id });
  // One that still waited for its thread leaves it to the one that is active there.
  const launch = ended.segment === 0 ? () => undefined : await promoteNext(tx, deps.dispatch, ended.threadNo);
  return { cancelled, launch };
}

async function storeMessage(
  tx: Transaction,
  { threadNo, tenantId, ordinal, id }: Ended,
  message: UIMessage,
  status: 'complete' | 'partial',
): Promise<void> {
  await tx.insert(messages).values({
    threadNo,
    tenantId,
    id: message.id,
    position: 2 * ordinal + 1,
    role: 'assistant',
    parts: message.parts,
    status,
    executionId: id,
  });
  await tx.update(threads).set({ updatedAt: sql`clock_timestamp()` }).where(eq(threads.no, threadNo));
}

async function makeFinal(tx: Transaction, { id }: Ended, final: Final): Promise<void> {
  const { outcome, lastSeq, activeMs } = final;
  await tx
    .update(workflowExecutions)
    .set({
      status: outcome.status,
      workerId: null,
      suspendedReason: null,
      finishedAt: sql`clock_timestamp()`,
      lastSeq,
      ...(activeMs === undefined ? {} : { activeMs }),
      ...(outcome.status === 'failed' ? { errorCode: outcome.code, errorDetail: outcome.detail } : {}),
      ...(outcome.status === 'cancelled' ? cancelColumns(outcome) : {}),
    })
    .where(eq(workflowExecutions.id, id));
}

/** The attempt moves on with a cancel: from the commit on its owner, wherever it is, can write nothing more (L4). */
function cancelColumns({ reason, mode, by }: Cancelled) {
  return {
    attempt: sql`${workflowExecutions.attempt} + 1`,
    cancelReason: reason,
    cancelMode: mode,
    cancelledBy: by,
  };
}
