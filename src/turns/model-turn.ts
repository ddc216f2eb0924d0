import type { ModelMessage } from 'ai';
import { and, asc, eq, isNotNull } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Next } from '../../workflows/steps.ts';
import type { AgentDefinition, AgentLimits } from '../agents/define-agent.ts';
import type { ModelRegistry, ResolvedModel } from '../agents/model-registry.ts';
import type { Redact } from '../config/redact.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { executionTurns, toolCalls, workflowExecutions } from '../db/schema.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import type { Notify } from '../notifications/notify.ts';
import { callModel } from './call-model.ts';
import { DeadlineExceeded, startDeadline } from './deadline.ts';
import { findGated } from './find-gated.ts';
import { readHistory } from './history.ts';
import { backOffMs, ModelCallFailed, modelCallFailed } from './model-failure.ts';
import { mayCallTools, recordAnswer, recordFailure } from './record-turn.ts';
import { TurnIds, toolCallIdsOf } from './turn-ids.ts';
import type { Usage } from './usage.ts';

export interface TurnDeps {
  db: Database;
  models: ModelRegistry;
  /** For what is told of failures: a model's name may have come from anywhere. */
  redact: Redact;
  logger: Logger;
  notify?: Notify | undefined;
}

/** What an execution's turns are made with: resolved anew in every segment. */
export interface TurnPlan {
  agent: AgentDefinition;
  limits: AgentLimits;
  historyPosition: number;
}

/**
 * One turn: exactly one call of the model, streamed into the log. If the turn is already stored, by this attempt or
 * an earlier one, its result is returned and no model is called.
 * @throws OwnershipLost
 */
export async function modelTurn(
  deps: TurnDeps,
  owned: OwnedExecution,
  plan: TurnPlan,
  turn: number,
): Promise<Next> {
  const stored = await untilReachable(owned.signal, () => findOutcome(deps.db, owned.claimed.id, turn));
  if (stored !== undefined) return stored;
  const exhausted = await untilReachable(owned.signal, () =>
    findExhaustedLimit(deps.db, owned, plan.limits, turn),
  );
  if (exhausted !== undefined) return exhausted;
  const startedAt = performance.now();
  let modelId = 'unknown';
  try {
    const resolved = resolveModel(deps.models, plan.agent);
    modelId = resolved.id;
    return await callAndRecord(deps, owned, plan, turn, resolved);
  } catch (error) {
    owned.signal.throwIfAborted();
    if (error instanceof DeadlineExceeded) return failed('deadline-exceeded', error.message);
    if (!(error instanceof ModelCallFailed)) throw error;
    const called = { turn, model: modelId, durationMs: Math.round(performance.now() - startedAt) };
    return retryOrFail(deps, owned, plan.limits, called, error);
  }
}

function resolveModel(models: ModelRegistry, agent: AgentDefinition): ResolvedModel {
  try {
    return models.resolve(agent.model);
  } catch (error) {
    throw modelCallFailed(error);
  }
}

async function callAndRecord(
  deps: TurnDeps,
  owned: OwnedExecution,
  plan: TurnPlan,
  turn: number,
  resolved: ResolvedModel,
): Promise<Next> {
  const { history, answer: soFar } = await untilReachable(owned.signal, () =>
    readHistory(deps.db.orm, owned.claimed, plan.historyPosition),
  );
  await beginTurn(owned, turn);
  const deadline = startDeadline(owned, plan.limits);
  try {
    const answer = await callModel({
      agent: plan.agent,
      limits: plan.limits,
      model: resolved.model,
      messages: [...history, ...soFar],
      ids: new TurnIds(turn, toolCallIdsOf(soFar)),
      signal: deadline.signal,
      onChunk: (chunk) => owned.log.append(turn, chunk),
    });
    const calls = mayCallTools(answer.finishReason) ? answer.toolCalls : [];
    const gated = await findGated(deps, owned, plan.agent, { turn, calls, signal: deadline.signal });
    const called = { turn, model: resolved.id, durationMs: answer.durationMs };
    await recordAnswer(deps, owned, plan.agent, called, answer, gated);
    return afterTurn(turn, answer);
  } finally {
    deadline.clear();
  }
}

/** Whatever an earlier try streamed is superseded for every reader: `reset-step`, and no second `start-step`. */
async function beginTurn(owned: OwnedExecution, turn: number): Promise<void> {
  const isAgain = owned.loggedTurn >= turn;
  owned.loggedTurn = turn;
  await owned.log.append(turn, { type: isAgain ? 'reset-step' : 'start-step' });
}

async function retryOrFail(
  deps: TurnDeps,
  owned: OwnedExecution,
  limits: AgentLimits,
  called: { turn: number; model: string; durationMs: number },
  { failure: told, cause }: ModelCallFailed,
): Promise<Next> {
  const failure = { ...told, detail: deps.redact(told.detail) };
  const mayRetry = (tries: number) => failure.retryable && tries <= limits.modelRetries;
  const tries = await recordFailure(owned, called, failure, (n) =>
    mayRetry(n) ? backOffMs(failure, n) : null,
  );
  const willRetry = mayRetry(tries);
  deps.logger.warn(
    {
      executionId: owned.claimed.id,
      turn: called.turn,
      tries,
      willRetry,
      code: failure.code,
      err: nameOf(cause),
    },
    'turn.model-failed',
  );
  if (willRetry) return { do: 'back-off', turn: called.turn, delayMs: backOffMs(failure, tries) };
  return failed(failure.code, failure.detail);
}

/** A provider's error quotes requests, and sometimes keys: the log gets its kind and not its text. */
function nameOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.name : undefined;
}

async function findOutcome(db: Database, executionId: string, turn: number): Promise<Next | undefined> {
  const [row] = await db.orm
    .select({ finishReason: executionTurns.finishReason, responseMessages: executionTurns.responseMessages })
    .from(executionTurns)
    .where(
      and(
        eq(executionTurns.executionId, executionId),
        eq(executionTurns.turn, turn),
        isNotNull(executionTurns.endedAt),
      ),
    );
  if (row?.finishReason == null) return undefined;
  const calls = await db.orm
    .select({ toolCallId: toolCalls.toolCallId })
    .from(toolCalls)
    .where(and(eq(toolCalls.executionId, executionId), eq(toolCalls.turn, turn)))
    .orderBy(asc(toolCalls.position));
  const responseMessages = (row.responseMessages ?? []) as ModelMessage[];
  return afterTurn(turn, { finishReason: row.finishReason, responseMessages, toolCalls: calls });
}

interface EndedTurn {
  finishReason: string;
  responseMessages: readonly ModelMessage[];
  toolCalls: readonly { toolCallId: string }[];
}

function afterTurn(turn: number, { finishReason, responseMessages, toolCalls }: EndedTurn): Next {
  if (mayCallTools(finishReason)) {
    if (toolCalls.length > 0)
      return { do: 'tools', turn, toolCallIds: toolCalls.map((call) => call.toolCallId) };
    // Only calls that could not be made, such as of an unknown tool: the model has yet to be told of their errors.
    if (responseMessages.at(-1)?.role === 'tool') return { do: 'model-turn', turn: turn + 1 };
  }
  return { do: 'finish', outcome: { status: 'completed', finishReason } };
}

async function findExhaustedLimit(
  db: Database,
  owned: OwnedExecution,
  limits: AgentLimits,
  turn: number,
): Promise<Next | undefined> {
  if (turn > limits.maxTurns) return failed('max-turns', `The agent may take ${limits.maxTurns} turns`);
  if (owned.activeMs >= limits.deadlineMs)
    return failed('deadline-exceeded', new DeadlineExceeded(limits).message);
  if (limits.tokenBudget === null) return undefined;
  const [row] = await db.orm
    .select({ usage: workflowExecutions.usage })
    .from(workflowExecutions)
    .where(eq(workflowExecutions.id, owned.claimed.id));
  const used = (row?.usage as Usage | null)?.totalTokens ?? 0;
  if (used < limits.tokenBudget) return undefined;
  return failed('token-budget-exceeded', `${used} tokens are used of a budget of ${limits.tokenBudget}`);
}

function failed(code: string, detail: string): Next {
  return { do: 'finish', outcome: { status: 'failed', code, detail } };
}
