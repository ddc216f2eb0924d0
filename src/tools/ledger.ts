import { and, eq, or, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '../db/database.ts';
import { plainText } from '../db/plain-text.ts';
import { toolCalls } from '../db/schema.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';

export type ToolCallRow = typeof toolCalls.$inferSelect;

/** How a call ended: its output, or an error that the model reads. */
export type ToolOutcome =
  | { status: 'completed'; output: unknown }
  | { status: 'failed'; code: string; text: string };

/**
 * It cannot be known whether a call took effect, and its tool is not one that may be called again (T2). The call stays
 * `running` while a person is asked about it, and ends like this when its execution ends before it is decided.
 */
export const UNKNOWN_OUTCOME = Object.freeze({
  status: 'unknown' as const,
  code: 'outcome-unknown',
  text: 'outcome-unknown: it is not known whether this call took effect, and it was not made again',
});

/** A call that was never made, because its execution ended first. */
export const NOT_CALLED = Object.freeze({
  status: 'failed' as const,
  code: 'not-called',
  text: 'The execution ended before this call was made',
});

/** The code of calls that a cancel cut short: the model is told that they were cancelled, not that they failed. */
export const CANCELLED = 'cancelled';

/** A call that a cancel came before. */
export const CANCELLED_CALL = Object.freeze({
  status: 'failed' as const,
  code: CANCELLED,
  text: 'Cancelled before this call was made',
});

/** A call that a cancel came upon: its tool was told to stop, and may have done its work by then. */
export const CANCELLED_OUTCOME = Object.freeze({
  status: 'unknown' as const,
  code: CANCELLED,
  text: 'Cancelled while this call was made: it is not known whether it took effect',
});

export async function findCall(db: Executor, executionId: string, toolCallId: string): Promise<ToolCallRow> {
  const [row] = await db
    .select()
    .from(toolCalls)
    .where(and(eq(toolCalls.executionId, executionId), eq(toolCalls.toolCallId, toolCallId)));
  if (row === undefined)
    throw new Error(`Tool call ${toolCallId} of execution ${executionId} is not in the ledger`);
  return row;
}

/**
 * Commits `running` before the tool is called (T1). A call that an earlier attempt left `running` may begin again
 * only if its tool is idempotent.
 */
export async function recordStart(owned: OwnedExecution, call: ToolCallRow): Promise<void> {
  await owned.log.transact({
    work: async ({ tx }) => {
      const { rowCount } = await tx
        .update(toolCalls)
        .set({
          status: 'running',
          attempt: owned.claimed.attempt,
          startedAt: sql`coalesce(${toolCalls.startedAt}, clock_timestamp())`,
        })
        .where(
          and(callOf(owned, call), or(eq(toolCalls.status, 'pending'), eq(toolCalls.status, 'running'))),
        );
      if (rowCount !== 1) throw new Error(`Tool call ${call.toolCallId} is ${call.status} and cannot begin`);
    },
  });
}

/** Commits a call's result together with its row in the log. */
export async function recordOutcome(
  owned: OwnedExecution,
  call: ToolCallRow,
  outcome: ToolOutcome,
): Promise<void> {
  await owned.log.transact({
    work: async ({ tx, append }) => {
      await endCall(tx, owned, call, outcome);
      const { toolCallId } = call;
      if (outcome.status === 'completed') {
        append(call.turn, { type: 'tool-output-available', toolCallId, output: outcome.output });
      } else {
        append(call.turn, { type: 'tool-output-error', toolCallId, errorText: outcome.text });
      }
    },
  });
}

async function endCall(
  tx: Transaction,
  owned: OwnedExecution,
  call: ToolCallRow,
  outcome: ToolOutcome,
): Promise<void> {
  const result =
    outcome.status === 'completed'
      ? // As text: a parameter that is null would be no value at all, and `null` is an output.
        { output: sql`${JSON.stringify(outcome.output)}::json` }
      : { errorCode: outcome.code, errorText: plainText(outcome.text) };
  await tx
    .update(toolCalls)
    .set({
      status: outcome.status,
      attempt: owned.claimed.attempt,
      endedAt: sql`clock_timestamp()`,
      ...result,
    })
    .where(callOf(owned, call));
}

function callOf(owned: OwnedExecution, call: ToolCallRow) {
  return and(eq(toolCalls.executionId, owned.claimed.id), eq(toolCalls.toolCallId, call.toolCallId));
}
