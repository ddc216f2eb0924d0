import type { UIMessage } from 'ai';
import { eq, sql } from 'drizzle-orm';
import type { Outcome } from '../../workflows/steps.ts';
import { cancelApprovals } from '../approvals/cancel-approvals.ts';
import type { Chunk } from '../chunks/chunk.ts';
import { foldChunks } from '../chunks/fold.ts';
import { readLastSeq, readWholeLog } from '../chunks/read-rows.ts';
import { sealingChunks } from '../chunks/seal.ts';
import type { Database, Transaction } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { messages, threads, workflowExecutions } from '../db/schema.ts';
import type { Notify } from '../notifications/notify.ts';
import { holdThread } from '../threads/hold-thread.ts';
import type { Dispatch } from './dispatch.ts';
import { endAttempt } from './hand-over.ts';
import type { OwnedExecution } from './owned-execution.ts';
import { promoteNext } from './promote-next.ts';

type FinishReason = Extract<Chunk, { type: 'finish' }>['finishReason'];

/** How a log ends, and the message that it then folds to. */
interface Ending {
  chunks: Chunk[];
  message: UIMessage;
  /** The last seq of the log that was read for it. */
  readUpTo: number;
}

/**
 * Makes an execution final: the rows that close its open parts, its last row, the stored message, its status, and
 * the promotion of the thread's next, in one transaction (L5, L6, E2).
 * @throws OwnershipLost
 */
export async function finishExecution(
  deps: { db: Database; dispatch: Dispatch; notify?: Notify | undefined },
  owned: OwnedExecution,
  outcome: Outcome,
): Promise<void> {
  for (;;) {
    await owned.log.drained();
    const ending = await untilReachable(owned.signal, () => makeEnding(deps.db, owned, outcome));
    const finished = await owned.log.transact({
      lockFirst: (tx) => holdThread(tx, owned.claimed.threadNo),
      work: async ({ tx, append }) => {
        // Somebody with a right to it appended since the log was read: fold again.
        if ((await readLastSeq(tx, owned.claimed.no)) !== ending.readUpTo) return undefined;
        append(owned.loggedTurn, ...ending.chunks);
        await storeMessage(tx, owned, ending.message, outcome);
        await makeFinal(tx, owned, outcome, ending.readUpTo + ending.chunks.length);
        const cancelled = await cancelApprovals(tx, owned.claimed.id, 'outlast');
        await endAttempt(tx, owned.claimed.id, owned.claimed.attempt, outcome.status);
        await deps.notify?.(tx, { type: `execution.${outcome.status}`, executionId: owned.claimed.id });
        return { cancelled, launch: await promoteNext(tx, deps.dispatch, owned.claimed.threadNo) };
      },
    });
    if (finished === undefined) continue;
    if (finished.cancelled > 0) owned.log.inboxChanged();
    finished.launch();
    return;
  }
}

async function makeEnding(db: Database, owned: OwnedExecution, outcome: Outcome): Promise<Ending> {
  const { chunks, lastSeq } = await readWholeLog(db, owned.claimed.no);
  const ending = [
    ...sealingChunks(chunks, 'The execution ended before this was finished'),
    finalChunk(outcome),
  ];
  const message = await foldChunks([...chunks, ...ending], owned.claimed.messageId);
  return { chunks: ending, message, readUpTo: lastSeq };
}

function finalChunk(outcome: Outcome): Chunk {
  if (outcome.status === 'failed') return { type: 'error', errorText: outcome.detail };
  return { type: 'finish', finishReason: outcome.finishReason as FinishReason };
}

async function storeMessage(
  tx: Transaction,
  owned: OwnedExecution,
  message: UIMessage,
  outcome: Outcome,
): Promise<void> {
  const { threadNo, tenantId, ordinal, id } = owned.claimed;
  await tx.insert(messages).values({
    threadNo,
    tenantId,
    id: message.id,
    position: 2 * ordinal + 1,
    role: 'assistant',
    parts: message.parts,
    status: outcome.status === 'completed' ? 'complete' : 'partial',
    executionId: id,
  });
  await tx.update(threads).set({ updatedAt: sql`clock_timestamp()` }).where(eq(threads.no, threadNo));
}

/** The caller holds the execution's row, found `running` under this attempt: the guard of the move (E1). */
async function makeFinal(
  tx: Transaction,
  owned: OwnedExecution,
  outcome: Outcome,
  lastSeq: number,
): Promise<void> {
  const error = outcome.status === 'failed' ? { errorCode: outcome.code, errorDetail: outcome.detail } : {};
  await tx
    .update(workflowExecutions)
    .set({
      status: outcome.status,
      workerId: null,
      activeMs: owned.activeMs,
      finishedAt: sql`clock_timestamp()`,
      lastSeq,
      ...error,
    })
    .where(eq(workflowExecutions.id, owned.claimed.id));
}
