import { and, count, eq, isNotNull } from 'drizzle-orm';
import type { Next } from '../../workflows/steps.ts';
import { agentHash } from '../agents/agent-hash.ts';
import { type AgentDefinition, type AgentLimits, DEFAULT_MAX_TAKEOVERS } from '../agents/define-agent.ts';
import { describeAgent } from '../agents/describe-agent.ts';
import type { AgentCatalog, AgentEntry } from '../agents/load-agents.ts';
import type { ModelRegistry } from '../agents/model-registry.ts';
import type { Database, Transaction } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { executionInputs, executionTurns } from '../db/schema.ts';
import type { OwnedExecution } from './owned-execution.ts';
import { checkTakeoverBudget } from './takeover-budget.ts';

/** What a segment works with: the stored inputs, and the agent's code as this process has it. */
export interface ExecutionPlan {
  agent: AgentDefinition;
  limits: AgentLimits;
  /** Messages of the thread before this position are what the model is told. */
  historyPosition: number;
}

/**
 * Begins a segment: the log's first row and the execution's inputs are written once, by whichever attempt comes to
 * it first; agent and tools are resolved by name in every segment.
 * @returns the plan, and the turn to go on with; without a plan the execution cannot go on.
 */
export async function prepareExecution(
  deps: { db: Database; agents: AgentCatalog; models: ModelRegistry },
  owned: OwnedExecution,
): Promise<{ plan: ExecutionPlan | undefined; next: Next }> {
  const entry = deps.agents.get(owned.claimed.agentId);
  await owned.log.transact({
    work: async ({ tx, append }) => {
      if (owned.claimed.lastSeq === 0) {
        const { messageId, id } = owned.claimed;
        append(0, { type: 'start', messageId, messageMetadata: { executionId: id } });
      }
      if (entry?.agent != null) await writeInputs(tx, deps.models, owned, entry);
    },
  });
  if (entry?.agent == null) return { plan: undefined, next: agentMissing(owned.claimed.agentId, entry) };
  const { agent } = entry;
  return untilReachable(owned.signal, async () => {
    const inputs = await readInputs(deps.db, owned.claimed.id);
    const plan = { agent, ...inputs };
    const exhausted = await checkTakeoverBudget(deps.db.orm, owned.claimed, inputs.limits.maxTakeovers);
    if (exhausted !== undefined) return { plan, next: exhausted };
    const turn = Math.max(1, await countTurns(deps.db, owned.claimed.id));
    return { plan, next: { do: 'model-turn', turn } };
  });
}

async function writeInputs(
  tx: Transaction,
  models: ModelRegistry,
  owned: OwnedExecution,
  entry: AgentEntry & { agent: AgentDefinition },
): Promise<void> {
  const { model, tools } = describeAgent(entry, models);
  await tx
    .insert(executionInputs)
    .values({
      executionId: owned.claimed.id,
      tenantId: owned.claimed.tenantId,
      agentHash: agentHash(entry.agent),
      model: model ?? 'unavailable',
      limits: entry.agent.limits,
      tools,
      historyPosition: 2 * owned.claimed.ordinal + 1,
    })
    .onConflictDoNothing();
}

async function readInputs(db: Database, executionId: string): Promise<Omit<ExecutionPlan, 'agent'>> {
  const [inputs] = await db.orm
    .select()
    .from(executionInputs)
    .where(eq(executionInputs.executionId, executionId));
  if (inputs === undefined) throw new Error(`Execution ${executionId} has no inputs`);
  const limits = {
    maxTakeovers: DEFAULT_MAX_TAKEOVERS,
    ...(inputs.limits as Omit<AgentLimits, 'maxTakeovers'>),
  };
  return { limits, historyPosition: inputs.historyPosition };
}

async function countTurns(db: Database, executionId: string): Promise<number> {
  const [row] = await db.orm
    .select({ turns: count() })
    .from(executionTurns)
    .where(and(eq(executionTurns.executionId, executionId), isNotNull(executionTurns.endedAt)));
  return row?.turns ?? 0;
}

function agentMissing(agentId: string, entry: AgentEntry | undefined): Next {
  const detail =
    entry === undefined
      ? `There is no agent ${agentId}`
      : `The agent ${agentId} could not be loaded: ${entry.error}`;
  return { do: 'finish', outcome: { status: 'failed', code: 'agent-missing', detail } };
}
