import { approvalMode } from './agent-hash.ts';
import type { AnyTool } from './define-tool.ts';
import { inputJsonSchema, type JsonSchema } from './input-json-schema.ts';
import type { AgentEntry } from './load-agents.ts';
import { type ModelRegistry, ModelUnavailable, modelId } from './model-registry.ts';

/** An agent as the API shows it. */
export interface AgentDescription {
  id: string;
  description: string | null;
  /** `provider:model`; null if the agent could not be loaded or the server has no default for it. */
  model: string | null;
  demo: boolean;
  tools: ToolDescription[];
  /** Why the agent cannot run. */
  error: string | null;
}

export interface ToolDescription {
  name: string;
  description: string;
  inputSchema: JsonSchema;
  /** `conditional`: it depends on the input. */
  needsApproval: boolean | 'conditional';
  idempotent: boolean;
  risk: 'low' | 'medium' | 'high';
}

export function describeAgent(entry: AgentEntry, models: ModelRegistry): AgentDescription {
  const { id, agent } = entry;
  if (!agent) return { id, description: null, model: null, demo: false, tools: [], error: entry.error };
  return {
    id,
    description: agent.description,
    ...describeModel(agent.model, models),
    tools: Object.entries(agent.tools).map(([name, tool]) => describeTool(name, tool)),
  };
}

function describeModel(model: Parameters<ModelRegistry['resolve']>[0], models: ModelRegistry) {
  try {
    const { id, demo } = models.resolve(model);
    return { model: id, demo, error: null };
  } catch (error) {
    if (!(error instanceof ModelUnavailable)) throw error;
    return { model: modelId(model ?? null), demo: false, error: error.message };
  }
}

function describeTool(name: string, tool: AnyTool): ToolDescription {
  const { description } = tool;
  const inputSchema = inputJsonSchema(tool);
  // A question has no effect: asking is all that it does.
  if (tool.kind === 'question') {
    return { name, description, inputSchema, needsApproval: false, idempotent: true, risk: 'low' };
  }
  const { idempotent, risk } = tool;
  return {
    name,
    description,
    inputSchema,
    needsApproval: approvalMode(tool.needsApproval),
    idempotent,
    risk,
  };
}
