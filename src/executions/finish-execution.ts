import type { Outcome } from '../../workflows/steps.ts';
import type { Chunk } from '../chunks/chunk.ts';
import { readLastSeq, readWholeLog } from '../chunks/read-rows.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import type { Notify } from '../notifications/notify.ts';
import { holdThread } from '../threads/hold-thread.ts';
import type { Dispatch } from './dispatch.ts';
import { finalise } from './finalise.ts';
import { type Ending, makeEnding } from './make-ending.ts';
import type { OwnedExecution } from './owned-execution.ts';

type FinishReason = Extract<Chunk, { type: 'finish' }>['finishReason'];

const CUT_OFF = { text: 'The execution ended before this was finished' };

/**
 * Makes an execution final, as its owner: the rows that close its open parts, its last row, the stored message, its
 * status, and the promotion of the thread's next, in one transaction (L5, L6, E2).
 * @throws OwnershipLost
 */
export async function finishExecution(
  deps: { db: Database; dispatch: Dispatch; notify?: Notify | undefined },
  owned: OwnedExecution,
  outcome: Outcome,
): Promise<void> {
  const { claimed, log } = owned;
  for (;;) {
    await log.drained();
    const { ending, readUpTo } = await untilReachable(owned.signal, () =>
      readEnding(deps.db, owned, outcome),
    );
    const finished = await log.transact({
      lockFirst: (tx) => holdThread(tx, claimed.threadNo),
      work: async ({ tx, append }) => {
        // Somebody with a right to it appended since the log was read: fold again.
        if ((await readLastSeq(tx, claimed.no)) !== readUpTo) return undefined;
        append(owned.loggedTurn, ...ending.chunks);
        const lastSeq = readUpTo + ending.chunks.length;
        const { message } = ending;
        return finalise(tx, deps, claimed, { outcome, message, lastSeq, activeMs: owned.activeMs });
      },
    });
    if (finished === undefined) continue;
    if (finished.cancelled > 0) log.inboxChanged();
    finished.launch();
    return;
  }
}

async function readEnding(
  db: Database,
  { claimed }: OwnedExecution,
  outcome: Outcome,
): Promise<{ ending: Ending; readUpTo: number }> {
  const { chunks, lastSeq } = await readWholeLog(db, claimed.no);
  const end = { final: finalChunk(outcome), reason: CUT_OFF };
  return { ending: await makeEnding(chunks, claimed.messageId, end), readUpTo: lastSeq };
}

function finalChunk(outcome: Outcome): Chunk {
  if (outcome.status === 'failed') return { type: 'error', errorText: outcome.detail };
  return { type: 'finish', finishReason: outcome.finishReason as FinishReason };
}
