import { and, eq, sql } from 'drizzle-orm';
import type { AgentDefinition } from '../agents/define-agent.ts';
import { type ApprovalRequest, requestApproval } from '../approvals/request-approval.ts';
import type { Chunk } from '../chunks/chunk.ts';
import type { Transaction } from '../db/database.ts';
import { executionTurns, type TurnFailure, toolCalls, workflowExecutions } from '../db/schema.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import type { Notify } from '../notifications/notify.ts';
import type { ModelAnswer } from './call-model.ts';
import type { ModelFailure } from './model-failure.ts';
import { addUsage, NO_USAGE, type Usage } from './usage.ts';

/** A model call that is over, one way or the other. */
export interface CalledTurn {
  turn: number;
  /** `provider:model` */
  model: string;
  durationMs: number;
}

/**
 * Commits a turn at once with its last row of the log, the ledger of its calls, what people are asked about them, and
 * the tokens it took.
 */
export async function recordAnswer(
  { notify }: { notify?: Notify | undefined },
  owned: OwnedExecution,
  agent: AgentDefinition,
  called: CalledTurn,
  answer: ModelAnswer,
  gated: readonly ApprovalRequest[],
): Promise<void> {
  await owned.log.transact({
    work: async ({ tx, append }) => {
      append(called.turn, ...refusalsOf(answer));
      await insertTurn(tx, owned, called);
      await endTurn(tx, owned, called.turn, answer);
      await insertCalls(tx, owned, agent, called.turn, answer);
      for (const request of gated) await requestApproval({ tx, append, notify }, owned.claimed, request);
      append(called.turn, { type: 'finish-step' });
      await addToExecution(tx, owned, answer);
    },
  });
  if (gated.length > 0) owned.log.inboxChanged();
}

/** An answer that was cut short may hold calls that the model did not mean to make: they are not made. */
export function mayCallTools(finishReason: string): boolean {
  return finishReason !== 'length' && finishReason !== 'content-filter';
}

const CUT_SHORT = 'Not called: the answer of the model was cut short';
const REFUSED = {
  status: 'failed',
  errorCode: 'answer-cut-short',
  errorText: CUT_SHORT,
  endedAt: sql`clock_timestamp()`,
};

function refusalsOf(answer: ModelAnswer): Chunk[] {
  if (mayCallTools(answer.finishReason)) return [];
  return answer.toolCalls.map(({ toolCallId }) => ({
    type: 'tool-output-error',
    toolCallId,
    errorText: CUT_SHORT,
  }));
}

/** Counts a failed try. @returns how many tries of this turn have failed by now. */
export async function recordFailure(
  owned: OwnedExecution,
  called: CalledTurn,
  failure: ModelFailure,
  retryInMs: (tries: number) => number | null,
): Promise<number> {
  const at = new Date().toISOString();
  const { attempt } = owned.claimed;
  return owned.log.transact({
    work: async ({ tx }) => {
      await insertTurn(tx, owned, called);
      const where = turnOf(owned, called.turn);
      const [row] = await tx.select({ failures: executionTurns.failures }).from(executionTurns).where(where);
      const failures = row?.failures ?? [];
      const last = failures.at(-1);
      // This very failure is in already: its commit was not heard of.
      if (last?.at === at && last.attempt === attempt) return failures.length;
      const tries = failures.length + 1;
      const { code, detail } = failure;
      const entry: TurnFailure = { at, attempt, code, detail, retryInMs: retryInMs(tries) };
      await tx
        .update(executionTurns)
        .set({ failures: [...failures, entry] })
        .where(where);
      return tries;
    },
  });
}

async function insertTurn(tx: Transaction, owned: OwnedExecution, called: CalledTurn): Promise<void> {
  await tx
    .insert(executionTurns)
    .values({
      executionId: owned.claimed.id,
      tenantId: owned.claimed.tenantId,
      turn: called.turn,
      attempt: owned.claimed.attempt,
      model: called.model,
      startedAt: sql`clock_timestamp() - ${called.durationMs} * interval '1 ms'`,
    })
    .onConflictDoNothing();
}

async function endTurn(
  tx: Transaction,
  owned: OwnedExecution,
  turn: number,
  answer: ModelAnswer,
): Promise<void> {
  await tx
    .update(executionTurns)
    .set({
      attempt: owned.claimed.attempt,
      responseMessages: answer.responseMessages,
      toolCalls: answer.toolCalls,
      usage: answer.usage,
      finishReason: answer.finishReason,
      firstTokenMs: answer.firstTokenMs,
      endedAt: sql`clock_timestamp()`,
    })
    .where(turnOf(owned, turn));
}

async function insertCalls(
  tx: Transaction,
  owned: OwnedExecution,
  agent: AgentDefinition,
  turn: number,
  answer: ModelAnswer,
): Promise<void> {
  if (answer.toolCalls.length === 0) return;
  await tx.insert(toolCalls).values(
    answer.toolCalls.map((call, position) => {
      const tool = agent.tools[call.toolName];
      return {
        executionId: owned.claimed.id,
        tenantId: owned.claimed.tenantId,
        turn,
        position,
        toolCallId: call.toolCallId,
        toolName: call.toolName,
        input: call.input,
        idempotent: tool?.kind === 'tool' && tool.idempotent,
        ...(mayCallTools(answer.finishReason) ? { status: 'pending' } : REFUSED),
      };
    }),
  );
}

async function addToExecution(tx: Transaction, owned: OwnedExecution, answer: ModelAnswer): Promise<void> {
  const where = eq(workflowExecutions.id, owned.claimed.id);
  const [row] = await tx.select({ usage: workflowExecutions.usage }).from(workflowExecutions).where(where);
  const sinceFirstToken = answer.firstTokenMs === null ? null : answer.durationMs - answer.firstTokenMs;
  await tx
    .update(workflowExecutions)
    .set({
      usage: addUsage((row?.usage as Usage | null) ?? NO_USAGE, answer.usage),
      activeMs: owned.activeMs,
      firstTokenMs: sql`coalesce(${workflowExecutions.firstTokenMs}, CASE WHEN ${sinceFirstToken}::int IS NOT NULL THEN
        greatest(0, round(extract(epoch FROM clock_timestamp() - ${workflowExecutions.createdAt}) * 1000)
          - ${sinceFirstToken}::int)::int END)`,
    })
    .where(where);
}

function turnOf(owned: OwnedExecution, turn: number) {
  return and(eq(executionTurns.executionId, owned.claimed.id), eq(executionTurns.turn, turn));
}
