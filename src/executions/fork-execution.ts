import { and, eq, isNotNull, lte, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { actorIn } from '../audit/actor.ts';
import type { Chunk } from '../chunks/chunk.ts';
import { isFinal } from '../chunks/chunk.ts';
import { insertInTransaction } from '../chunks/insert-rows.ts';
import { readAllRows } from '../chunks/read-rows.ts';
import { type Entry, linesAfter, makeRows } from '../chunks/row.ts';
import type { Transaction } from '../db/database.ts';
import { executionTurns, messages, threads, toolCalls, workflowExecutions } from '../db/schema.ts';
import { owned, type Scope, within } from '../db/scope.ts';
import { copyFiles } from '../files/copy-files.ts';
import { Problem } from '../problems/problem.ts';
import type { ThreadRow } from '../threads/hold-thread.ts';
import { NO_USAGE } from '../turns/usage.ts';
import { type AddedExecution, addExecution, type CreatedExecution } from './add-execution.ts';
import type { Dispatch } from './dispatch.ts';
import { executionNotFound } from './get-execution.ts';

type Execution = typeof workflowExecutions.$inferSelect;

/**
 * Goes on from a turn of an execution in a thread of its own: history, kept turns and their rows of the log are
 * copied, and the next turn is asked for anew. The original is left as it is.
 * @param fromTurn the last turn that is kept, from 1
 * @throws Problem not-found, turn-not-finished, log-expired
 */
export async function forkExecution(
  tx: Transaction,
  dispatch: Dispatch,
  scope: Scope,
  { executionId, fromTurn }: { executionId: string; fromTurn: number },
): Promise<CreatedExecution> {
  const original = await findExecution(tx, scope, executionId);
  await refuseUnfinished(tx, original, fromTurn);
  const entries = await keptEntries(tx, original, fromTurn);
  const thread = await copyThread(tx, scope, original);
  const { agentId, inputMessageId, input, metadata } = original;
  const fork = await addExecution(tx, dispatch, thread, {
    id: uuidv7(),
    agentId,
    source: 'api',
    inputMessageId,
    input,
    metadata,
    isBusy: false,
    asked: {
      by: actorIn(scope),
      action: 'execution.forked',
      details: { forkOf: original.id, fromTurn },
    },
  });
  const { executionId: forkId, executionNo } = fork;
  const rows = makeRows([startOf(fork), ...entries], 1, 0);
  await insertInTransaction(tx, { executionId: forkId, executionNo, ...owned(scope), attempt: 0 }, rows);
  await copyTurns(tx, original, forkId, fromTurn);
  return fork;
}

async function findExecution(tx: Transaction, scope: Scope, id: string): Promise<Execution> {
  const [execution] = await tx
    .select()
    .from(workflowExecutions)
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, id)))
    // It must not be deleted meanwhile, and its log must not expire.
    .for('share');
  if (execution === undefined) throw executionNotFound(id);
  if (execution.logExpiredAt === null) return execution;
  throw new Problem('log-expired', 'The rows of this log were removed: there is nothing to go on from');
}

async function refuseUnfinished(tx: Transaction, { id }: Execution, fromTurn: number): Promise<void> {
  const isKept = (t: typeof executionTurns | typeof toolCalls) =>
    and(eq(t.executionId, id), lte(t.turn, fromTurn), isNotNull(t.endedAt));
  const turns = await tx.$count(executionTurns, isKept(executionTurns));
  const calls = await tx.$count(toolCalls, and(eq(toolCalls.executionId, id), lte(toolCalls.turn, fromTurn)));
  if (turns === fromTurn && (await tx.$count(toolCalls, isKept(toolCalls))) === calls) return;
  throw new Problem(
    'turn-not-finished',
    `The execution has not finished turn ${fromTurn} and its tool calls`,
  );
}

/**
 * The turns and their calls as they were, but for what they cost: that was paid by the original. By SQL alone: an
 * output that is the JSON null is not the same as none.
 */
async function copyTurns(
  tx: Transaction,
  { id }: Execution,
  forkId: string,
  fromTurn: number,
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO outlast.execution_turns (execution_id, turn, tenant_id, attempt, model, response_messages, tool_calls,
      usage, finish_reason, started_at, ended_at)
    SELECT ${forkId}, turn, tenant_id, 0, model, response_messages, tool_calls, ${JSON.stringify(NO_USAGE)}::json,
      finish_reason, started_at, ended_at
    FROM outlast.execution_turns WHERE execution_id = ${id} AND turn <= ${fromTurn}`);
  await tx.execute(sql`
    INSERT INTO outlast.tool_calls (execution_id, tool_call_id, tenant_id, turn, position, tool_name, input,
      edited_input, idempotent, status, attempt, output, error_code, error_text, created_at, started_at, ended_at)
    SELECT ${forkId}, tool_call_id, tenant_id, turn, position, tool_name, input,
      edited_input, idempotent, status, attempt, output, error_code, error_text, created_at, started_at, ended_at
    FROM outlast.tool_calls WHERE execution_id = ${id} AND turn <= ${fromTurn}`);
}

/** The rows of the kept turns. Neither the original's first row nor its last is one of the fork's. */
async function keptEntries(tx: Transaction, { no }: Execution, fromTurn: number): Promise<Entry[]> {
  const lines = linesAfter(await readAllRows(tx, no), 1);
  return lines
    .filter(({ turn, chunk }) => turn <= fromTurn && !isFinal(chunk))
    .map(({ turn, chunk }) => ({ turn, chunk: JSON.parse(chunk) as Chunk }));
}

function startOf({ executionId, messageId }: AddedExecution): Entry {
  return { turn: 0, chunk: { type: 'start', messageId, messageMetadata: { executionId } } };
}

/** A thread with the history that the original had; its next execution takes the original's place. */
async function copyThread(tx: Transaction, scope: Scope, original: Execution): Promise<ThreadRow> {
  const [thread] = await tx.select().from(threads).where(eq(threads.no, original.threadNo));
  const { title, metadata } = thread as ThreadRow;
  const copy = { ...owned(scope), id: uuidv7(), title, metadata, lastOrdinal: original.ordinal - 1 };
  const [inserted] = await tx.insert(threads).values(copy).returning();
  const { no: threadNo } = inserted as ThreadRow;
  const isEarlier = sql`thread_no = ${original.threadNo} AND position < ${2 * original.ordinal}`;
  // An edit must not take their files away before they are copied.
  await tx.execute(sql`SELECT FROM outlast.messages WHERE ${isEarlier} FOR SHARE`);
  // Within the database: a long history has more values than a statement has room for parameters. What was asked comes
  // from the execution itself: its message may have been edited since, or asked again.
  await tx.execute(sql`
    INSERT INTO outlast.messages (thread_no, id, tenant_id, position, role, parts, status, execution_id, created_at)
    SELECT ${threadNo}, id, tenant_id, position, role, parts, status, execution_id, created_at
    FROM outlast.messages WHERE ${isEarlier} AND id <> ${original.inputMessageId}`);
  await tx.insert(messages).values({
    threadNo,
    id: original.inputMessageId,
    tenantId: original.tenantId,
    position: 2 * original.ordinal,
    role: 'user',
    parts: (original.input as { parts: unknown[] }).parts,
    status: 'complete',
    executionId: original.id,
    createdAt: original.createdAt,
  });
  await copyFiles(tx, { from: original.threadNo, to: threadNo });
  return inserted as ThreadRow;
}
