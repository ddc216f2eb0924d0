import { asc, eq } from 'drizzle-orm';
import type { AgentDefinition } from '../../src/agents/define-agent.ts';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import { decide } from '../../src/approvals/decide.ts';
import type { ApprovalTarget } from '../../src/approvals/find-approval.ts';
import type { Approval, ApprovalRow } from '../../src/approvals/view.ts';
import type { Chunk } from '../../src/chunks/chunk.ts';
import type { Database } from '../../src/db/database.ts';
import { approvalEvents, approvals, toolCalls } from '../../src/db/schema.ts';
import { OPEN_SCOPE, type Scope } from '../../src/db/scope.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { suspendExecution } from '../../src/executions/suspend-execution.ts';
import type { Notify } from '../../src/notifications/notify.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import { callTool } from '../../src/tools/call-tool.ts';
import type { LeaseCheck } from '../../src/tools/lease-check.ts';
import type { ToolCallRow } from '../../src/tools/ledger.ts';
import type { ModelAnswer } from '../../src/turns/call-model.ts';
import { findGated } from '../../src/turns/find-gated.ts';
import { recordAnswer } from '../../src/turns/record-turn.ts';
import { NO_USAGE } from '../../src/turns/usage.ts';
import { claim, createOwned, executionOf, insertWorker, own, recordDispatch } from './executions.ts';
import { storedLines } from './log-database.ts';
import { silentLog } from './silent-log.ts';

/** A lease that is never in doubt. */
export const HELD: LeaseCheck = { sureForMs: () => 3_600_000, whenSurelyHeld: async () => undefined };

export interface AskedCall {
  toolCallId: string;
  toolName: string;
  input: unknown;
}

/** An execution whose model has just asked for these calls, as the end of its turn leaves it. */
export async function askFor(
  db: Database,
  agent: AgentDefinition,
  calls: readonly AskedCall[],
  notify?: Notify,
): Promise<OwnedExecution> {
  const owned = await createOwned(db);
  await owned.log.append(0, { type: 'start', messageId: owned.claimed.messageId });
  await endTurn(owned, agent, 1, calls, notify);
  return owned;
}

/** The end of a turn that says something and asks for these calls. */
export async function endTurn(
  owned: OwnedExecution,
  agent: AgentDefinition,
  turn: number,
  calls: readonly AskedCall[],
  notify?: Notify,
): Promise<void> {
  owned.loggedTurn = turn;
  await owned.log.append(turn, { type: 'start-step' });
  for (const call of calls) await owned.log.append(turn, { type: 'tool-input-available', ...call });
  const answer: ModelAnswer = {
    responseMessages: [
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I would do this' },
          ...calls.map((call) => ({ type: 'tool-call' as const, ...call })),
        ],
      },
    ],
    toolCalls: [...calls],
    usage: NO_USAGE,
    finishReason: 'tool-calls',
    firstTokenMs: 1,
    durationMs: 1,
  };
  const deps = { logger: silentLog };
  const gated = await findGated(deps, owned, agent, { turn, calls: answer.toolCalls, signal: owned.signal });
  await recordAnswer({ notify }, owned, agent, { turn, model: 'm', durationMs: 1 }, answer, gated);
}

/** All calls of a turn side by side, as the workflow makes them. @returns how each stands */
export function callAll(
  db: Database,
  owned: OwnedExecution,
  agent: AgentDefinition,
  toolCallIds: readonly string[],
  lease = HELD,
): Promise<string[]> {
  const deps = { db, lease, redact: String, logger: silentLog };
  return Promise.all(toolCallIds.map((id) => callTool(deps, owned, { agent, limits: agent.limits }, id)));
}

/** Suspends it as the workflow does, and lets it leave this process. */
export async function suspend(owned: OwnedExecution): Promise<boolean> {
  const isSuspended = await suspendExecution(owned);
  if (isSuspended) owned.release();
  return isSuspended;
}

/** The execution as the worker has it that takes its next segment. */
export async function takeNext(db: Database, owned: OwnedExecution): Promise<OwnedExecution> {
  const { segment } = await executionOf(db, owned.claimed.id);
  return own(db, await claim(db, await insertWorker(db), owned.claimed.id, segment));
}

/** Decides as a caller does. */
export function decideAs(
  db: Database,
  target: ApprovalTarget,
  request: DecisionRequest,
  options: {
    scope?: Scope;
    agent?: AgentDefinition;
    dispatch?: ReturnType<typeof recordDispatch>['dispatch'];
    notify?: Notify;
  } = {},
): Promise<Approval> {
  const { scope = OPEN_SCOPE, agent, dispatch = recordDispatch().dispatch, notify } = options;
  const agents = { get: () => (agent === undefined ? undefined : { id: 'assistant', agent, error: null }) };
  const deps = {
    db,
    agents,
    dispatch,
    notify,
    discard: async () => undefined,
    publish: () => undefined,
    threadNews: new ThreadNews(),
  };
  return decide(deps as Parameters<typeof decide>[0], scope, target, request);
}

export function approvalsOf(db: Database, owned: OwnedExecution): Promise<ApprovalRow[]> {
  return db.orm
    .select()
    .from(approvals)
    .where(eq(approvals.executionId, owned.claimed.id))
    .orderBy(asc(approvals.createdAt), asc(approvals.id));
}

export async function approvalOf(
  db: Database,
  owned: OwnedExecution,
  toolCallId = 'c1',
): Promise<ApprovalRow> {
  const found = (await approvalsOf(db, owned)).filter((row) => row.toolCallId === toolCallId).at(-1);
  if (found === undefined) throw new Error(`Nobody was asked about ${toolCallId}`);
  return found;
}

/** What became of an approval, in order. */
export async function historyOf(db: Database, approvalId: string): Promise<{ kind: string; by: string }[]> {
  return db.orm
    .select({ kind: approvalEvents.kind, by: approvalEvents.by })
    .from(approvalEvents)
    .where(eq(approvalEvents.approvalId, approvalId))
    .orderBy(asc(approvalEvents.id));
}

export function callsOf(db: Database, owned: OwnedExecution): Promise<ToolCallRow[]> {
  return db.orm
    .select()
    .from(toolCalls)
    .where(eq(toolCalls.executionId, owned.claimed.id))
    .orderBy(asc(toolCalls.turn), asc(toolCalls.position));
}

export async function chunksOf(db: Database, owned: OwnedExecution): Promise<Chunk[]> {
  return (await storedLines(db, owned.claimed.no)).map((line) => JSON.parse(line) as Chunk);
}
