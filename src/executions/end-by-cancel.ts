import { actorIn } from '../audit/actor.ts';
import { recordAudit, threadIdOf } from '../audit/record-audit.ts';
import { type Chunk } from '../chunks/chunk.ts';
import { insertInTransaction } from '../chunks/insert-rows.ts';
import { INBOX } from '../chunks/log-hints.ts';
import { readAllRows } from '../chunks/read-rows.ts';
import { type Entry, endOf, type LogRow, linesAfter, makeRows } from '../chunks/row.ts';
import type { Transaction } from '../db/database.ts';
import { plainText } from '../db/plain-text.ts';
import type { workflowExecutions } from '../db/schema.ts';
import type { CancelDeps, CancelRequest } from './cancel-execution.ts';
import { type Cancelled, finalise } from './finalise.ts';
import { makeEnding } from './make-ending.ts';
import { OwnershipLost } from './ownership.ts';

type ExecutionRow = typeof workflowExecutions.$inferSelect;

/** What an unfinished tool call has for its result, and what tells programs why. */
export const CANCELLED_PART = {
  text: 'The execution was cancelled before this was finished',
  mark: { cancelled: true },
};

/**
 * Ends an execution whose row, and its thread's, are held, and that is not final. All of it is in this transaction:
 * what is in the log is read under the lock, so that the message is the fold of what every reader has at its last row.
 * @returns what to call after the commit
 */
export async function endByCancel(
  tx: Transaction,
  deps: CancelDeps,
  execution: ExecutionRow,
  request: CancelRequest,
): Promise<() => void> {
  const cancelled: Cancelled = {
    status: 'cancelled',
    mode: request.mode,
    by: request.by.ownerId,
    reason: request.reason === null ? null : plainText(request.reason),
  };
  const { message, rows, lastSeq } = await endLog(tx, execution, cancelled);
  const finalised = await finalise(tx, deps, execution, { outcome: cancelled, message, lastSeq });
  const { id: executionId, tenantId, ownerId, segment, status } = execution;
  await recordAudit(tx, actorIn(request.by), {
    action: 'execution.cancelled',
    tenantId,
    ownerId,
    subjectId: executionId,
    executionId,
    threadId: threadIdOf(executionId),
    details: { was: status, mode: request.mode },
  });
  // The workflow of one that runs ends by itself, or as an orphan of a dead process: what it checkpoints on its way
  // would be left behind if its row were gone.
  if (status === 'queued' && segment > 0) await deps.discard(tx, [{ executionId, segment }]);
  return () => {
    deps.abandon({ executionId, segment }, new OwnershipLost(whyAborted(cancelled)));
    deps.publish(execution.no, rows);
    deps.publish(execution.no, []);
    if (finalised.cancelled > 0) deps.publish(INBOX, []);
    deps.threadNews.changed(execution.threadNo);
    finalised.launch();
    deps.metrics.executions.finished('cancelled');
    if (status === 'running') deps.metrics.executions.attemptEnded('cancelled');
    deps.logger.info(
      { executionId, was: status, by: cancelled.by, mode: cancelled.mode },
      'execution.cancelled',
    );
  };
}

interface EndedLog {
  message: Awaited<ReturnType<typeof makeEnding>>['message'];
  rows: LogRow[];
  lastSeq: number;
}

/** Appends what ends the log, also of one that nobody has begun. */
async function endLog(tx: Transaction, execution: ExecutionRow, { reason }: Cancelled): Promise<EndedLog> {
  const { id, no, tenantId, messageId } = execution;
  const lines = linesAfter(await readAllRows(tx, no), 0);
  const last = lines.at(-1);
  const turn = last?.turn ?? 0;
  const begun: Chunk[] =
    last === undefined ? [{ type: 'start', messageId, messageMetadata: { executionId: id } }] : [];
  const log = [...lines.map(({ chunk }) => JSON.parse(chunk) as Chunk), ...begun];
  const final: Chunk = { type: 'abort', ...(reason === null ? {} : { reason }) };
  const { chunks, message } = await makeEnding(log, messageId, { final, reason: CANCELLED_PART });
  const attempt = execution.attempt + 1;
  const rows = makeRows(inTurns([...begun, ...chunks], turn), (last?.seq ?? 0) + 1, attempt);
  await insertInTransaction(tx, { executionId: id, executionNo: no, tenantId, attempt }, rows);
  return { message, rows, lastSeq: endOf(rows.at(-1) as LogRow) };
}

/** A step that is begun belongs to the next turn. */
function inTurns(chunks: readonly Chunk[], lastTurn: number): Entry[] {
  let turn = lastTurn;
  return chunks.map((chunk) => {
    if (chunk.type === 'start-step') turn += 1;
    return { turn, chunk };
  });
}

function whyAborted({ reason }: Cancelled): string {
  return reason === null ? 'The execution was cancelled' : `The execution was cancelled: ${reason}`;
}
