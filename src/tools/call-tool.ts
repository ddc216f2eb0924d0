import type { Logger } from 'pino';
import type { AgentDefinition, AgentLimits } from '../agents/define-agent.ts';
import type { ToolContext, ToolDefinition } from '../agents/define-tool.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';
import { startDeadline } from '../turns/deadline.ts';
import { executeTool } from './execute-tool.ts';
import type { LeaseCheck } from './lease-check.ts';
import {
  findCall,
  recordOutcome,
  recordStart,
  type ToolCallRow,
  type ToolOutcome,
  UNKNOWN_OUTCOME,
} from './ledger.ts';

export interface ToolDeps {
  db: Database;
  lease: LeaseCheck;
  logger: Logger;
}

/**
 * Makes one tool call of the ledger, unless it is settled already. Whatever the tool does is a result for the
 * model; only a lost execution is thrown.
 * @throws OwnershipLost
 */
export async function callTool(
  deps: ToolDeps,
  owned: OwnedExecution,
  plan: { agent: AgentDefinition; limits: AgentLimits },
  toolCallId: string,
): Promise<void> {
  const call = await untilReachable(owned.signal, () => findCall(deps.db.orm, owned.claimed.id, toolCallId));
  if (call.endedAt !== null) return;
  const outcome = await settle(deps, owned, plan, call);
  await recordOutcome(owned, call, outcome);
}

async function settle(
  deps: ToolDeps,
  owned: OwnedExecution,
  plan: { agent: AgentDefinition; limits: AgentLimits },
  call: ToolCallRow,
): Promise<ToolOutcome> {
  // T2: an earlier attempt died, or lost its lease, while the tool was called. Nobody knows what came of it.
  if (call.status === 'running' && !call.idempotent) return UNKNOWN_OUTCOME;
  const tool = plan.agent.tools[call.toolName];
  if (tool === undefined) return failure('tool-missing', `The agent has no tool ${call.toolName} any more`);
  const context = makeContext(deps, owned, call);
  if (tool.kind === 'question') return failure('needs-approval', notYet('needs the answer of a person'));
  const parsed = await tool.inputSchema.safeParseAsync(call.input);
  if (!parsed.success) return failure('invalid-input', `The input does not fit: ${parsed.error.message}`);
  if (await needsApproval(tool, parsed.data, context)) {
    return failure('needs-approval', notYet('needs the approval of a person'));
  }
  return run(deps, owned, plan.limits, { call, tool, input: parsed.data, context });
}

async function run(
  deps: ToolDeps,
  owned: OwnedExecution,
  limits: AgentLimits,
  work: { call: ToolCallRow; tool: ToolDefinition; input: Record<string, unknown>; context: ToolContext },
): Promise<ToolOutcome> {
  await recordStart(owned, work.call);
  const deadline = startDeadline(owned, limits);
  try {
    return await executeTool({ ...work, signal: deadline.signal, lease: deps.lease });
  } finally {
    deadline.clear();
    owned.signal.throwIfAborted();
  }
}

function makeContext(deps: ToolDeps, owned: OwnedExecution, call: ToolCallRow): ToolContext {
  const { id, threadId, attempt } = owned.claimed;
  return {
    idempotencyKey: `${id}:${call.toolCallId}`,
    executionId: id,
    threadId,
    attempt,
    signal: owned.signal,
    log: deps.logger.child({ executionId: id, toolCallId: call.toolCallId, tool: call.toolName, attempt }),
  };
}

async function needsApproval(
  tool: ToolDefinition,
  input: Record<string, unknown>,
  context: ToolContext,
): Promise<boolean> {
  if (typeof tool.needsApproval === 'boolean') return tool.needsApproval;
  try {
    return await tool.needsApproval(input, context);
  } catch {
    // A rule that fails has not said that nobody needs to be asked.
    return true;
  }
}

function notYet(what: string): string {
  return `This tool ${what}, which this version of Outlast does not offer yet: it was not called`;
}

function failure(code: string, text: string): ToolOutcome {
  return { status: 'failed', code, text };
}
