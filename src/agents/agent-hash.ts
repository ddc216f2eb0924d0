import { createHash } from 'node:crypto';
import type { AgentDefinition } from './define-agent.ts';
import type { AnyTool } from './define-tool.ts';
import { inputJsonSchema } from './input-json-schema.ts';
import { modelId } from './model-registry.ts';

/**
 * SHA-256 (hex) over all that the model is told and the limits that hold: two executions with the same hash ran
 * the same agent. The code of the tools is not in it.
 */
export function agentHash(agent: AgentDefinition): string {
  const tools = Object.entries(agent.tools).map(([name, tool]) => [name, toolFacts(tool)]);
  const { instructions, limits } = agent;
  const facts = { model: modelId(agent.model), instructions, limits, tools: Object.fromEntries(tools) };
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(facts)))
    .digest('hex');
}

function toolFacts(tool: AnyTool): Record<string, unknown> {
  const { kind, description } = tool;
  const { approvalTimeoutMs, approvers } = tool;
  const told = { kind, description, inputSchema: inputJsonSchema(tool), approvalTimeoutMs, approvers };
  if (tool.kind === 'question') return told;
  const { idempotent, timeoutMs, retries, risk, onExpire } = tool;
  const needsApproval = approvalMode(tool.needsApproval);
  return { ...told, needsApproval, idempotent, timeoutMs, retries, risk, onExpire };
}

/** How a rule reads where a function cannot be shown. */
export function approvalMode(
  needsApproval: boolean | ((...args: never) => unknown),
): boolean | 'conditional' {
  return typeof needsApproval === 'boolean' ? needsApproval : 'conditional';
}

/** So that the order in which somebody wrote the options makes no difference. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
