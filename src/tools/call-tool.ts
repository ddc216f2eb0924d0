import { and, desc, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { AgentDefinition, AgentLimits } from '../agents/define-agent.ts';
import type { AnyTool, ToolContext, ToolDefinition } from '../agents/define-tool.ts';
import { requestApproval } from '../approvals/request-approval.ts';
import type { ApprovalKind } from '../approvals/status.ts';
import type { ApprovalRow } from '../approvals/view.ts';
import type { Redact } from '../config/redact.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { approvals } from '../db/schema.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import type { Notify } from '../notifications/notify.ts';
import { startDeadline } from '../turns/deadline.ts';
import { executeTool, type TriedOutcome } from './execute-tool.ts';
import type { LeaseCheck } from './lease-check.ts';
import { findCall, recordOutcome, recordStart, type ToolCallRow, type ToolOutcome } from './ledger.ts';
import { mustAsk } from './must-ask.ts';
import { toolContext } from './tool-context.ts';

export interface ToolDeps {
  db: Database;
  lease: LeaseCheck;
  /** For what tools throw: models and people read it. */
  redact: Redact;
  logger: Logger;
  notify?: Notify | undefined;
}

interface Plan {
  agent: AgentDefinition;
  limits: AgentLimits;
}

/** How a call stands: it has a result, or a person has to decide first. */
export type CallState = 'settled' | 'waits';

/**
 * Makes one tool call of the ledger, unless it is settled already or waits for a person. Whatever the tool does is a
 * result for the model; only a lost execution is thrown.
 * @throws OwnershipLost
 */
export async function callTool(
  deps: ToolDeps,
  owned: OwnedExecution,
  plan: Plan,
  toolCallId: string,
): Promise<CallState> {
  const { call, approval } = await untilReachable(owned.signal, () => look(deps.db, owned, toolCallId));
  if (call.endedAt !== null) return 'settled';
  if (approval?.status === 'pending') return 'waits';
  const tool = plan.agent.tools[call.toolName];
  const next = await proceed(deps, owned, plan, { call, approval, tool });
  if (typeof next !== 'string' && next.status !== 'unknown') {
    await recordOutcome(owned, call, withoutSecrets(deps, next));
    return 'settled';
  }
  // T2: an attempt died, or lost its lease, while the tool was called. Nobody knows what came of it.
  const kind = typeof next === 'string' ? next : 'unknown-outcome';
  return ask(deps.notify, owned, { call, approval, tool }, kind);
}

interface Considered {
  call: ToolCallRow;
  /** The last one that was asked for the call. */
  approval: ApprovalRow | undefined;
  tool: AnyTool | undefined;
}

/** Says what became of the call, or what has to be asked first. */
async function proceed(
  deps: ToolDeps,
  owned: OwnedExecution,
  plan: Plan,
  { call, approval, tool }: Considered,
): Promise<TriedOutcome | ApprovalKind> {
  if (call.status === 'running' && !call.idempotent) return 'unknown-outcome';
  if (tool === undefined) return failure('tool-missing', `The agent has no tool ${call.toolName} any more`);
  const context = toolContext(deps, owned, call);
  // T3: what was approved, or edited by whoever did, is what runs. A retry runs the same once more.
  const input = call.editedInput ?? call.input;
  const deadline = startDeadline(owned, plan.limits);
  try {
    if (approval === undefined) {
      // Asked again even if the end of the turn found nothing to ask: the agent may be another one since.
      const kind = await mustAsk(tool, input, context, deadline.signal);
      if (kind !== undefined) return kind;
    }
    const parsed = await tool.inputSchema.safeParseAsync(input);
    if (!parsed.success) return failure('invalid-input', `The input does not fit: ${parsed.error.message}`);
    if (tool.kind === 'question') return failure('tool-changed', 'The tool is a question now');
    return await run(deps, owned, deadline.signal, { call, tool, input: parsed.data, context });
  } catch (error) {
    if (deadline.signal.aborted && !owned.signal.aborted)
      return failure('aborted', 'The time of the execution is over');
    throw error;
  } finally {
    deadline.clear();
  }
}

async function run(
  deps: ToolDeps,
  owned: OwnedExecution,
  signal: AbortSignal,
  work: { call: ToolCallRow; tool: ToolDefinition; input: Record<string, unknown>; context: ToolContext },
): Promise<TriedOutcome> {
  await recordStart(owned, work.call);
  try {
    return await executeTool({ ...work, signal, lease: deps.lease });
  } finally {
    owned.signal.throwIfAborted();
  }
}

/** Asks a person about the call: again in the transaction it is looked at whether there is still something to ask. */
async function ask(
  notify: Notify | undefined,
  owned: OwnedExecution,
  { call, approval, tool }: Considered,
  kind: ApprovalKind,
): Promise<CallState> {
  const state = await owned.log.transact({
    work: async (append): Promise<CallState> => {
      const now = await findCall(append.tx, owned.claimed.id, call.toolCallId);
      if (now.endedAt !== null) return 'settled';
      const { turn, toolCallId, toolName } = call;
      const isPending = await requestApproval({ ...append, notify }, owned.claimed, {
        kind,
        turn,
        toolCallId,
        toolName,
        input: now.editedInput ?? now.input,
        tool,
        approvers: approval?.approvers ?? null,
      });
      return isPending ? 'waits' : 'settled';
    },
  });
  if (state === 'waits') owned.log.inboxChanged();
  return state;
}

async function look(
  db: Database,
  owned: OwnedExecution,
  toolCallId: string,
): Promise<Pick<Considered, 'call' | 'approval'>> {
  // First the approval: what is decided in between shows in the call.
  const [approval] = await db.orm
    .select()
    .from(approvals)
    .where(and(eq(approvals.executionId, owned.claimed.id), eq(approvals.toolCallId, toolCallId)))
    .orderBy(desc(approvals.createdAt), desc(approvals.id))
    .limit(1);
  return { approval, call: await findCall(db.orm, owned.claimed.id, toolCallId) };
}

function withoutSecrets({ redact }: ToolDeps, outcome: ToolOutcome): ToolOutcome {
  return outcome.status === 'completed' ? outcome : { ...outcome, text: redact(outcome.text) };
}

function failure(code: string, text: string): ToolOutcome {
  return { status: 'failed', code, text };
}
