import type { LanguageModel } from 'ai';
import { z } from 'zod';
import { checkOptions, DefinitionError } from './check-options.ts';
import { type AnyTool, description, isTool, milliseconds } from './define-tool.ts';
import { inputJsonSchema } from './input-json-schema.ts';

const brand = Symbol.for('outlast.agent');

/** A model of any AI SDK provider package, or the name of one that the server knows: `provider:model`. */
export type AgentModel = string | Exclude<LanguageModel, string>;

/** What ends an execution that would not end by itself. */
export interface AgentLimits {
  /** Model calls. Default: 20. */
  maxTurns: number;
  /** Time in which the execution is active; waiting for a person does not count. Default: 900000, a quarter of an hour. */
  deadlineMs: number;
  /** Tokens of all model calls, input and output. Default: null, no limit. */
  tokenBudget: number | null;
  /** How often a failed model call is made again. Default: 4. */
  modelRetries: number;
  /** How long the model may say nothing before the call counts as failed. Default: 120000, two minutes. */
  modelIdleTimeoutMs: number;
  /**
   * How often the worker may die under an execution without a turn or tool call finished in between. Default: 5.
   */
  maxTakeovers: number;
  /** Tokens that the model may write in one call. Default: what the provider allows. */
  maxOutputTokens?: number | undefined;
}

export interface AgentOptions {
  /** Default: the model of the server. */
  model?: AgentModel;
  /** What the agent is and how it should behave: the system prompt. */
  instructions: string;
  /** What the agent can do, by the names that the model sees. */
  tools?: Record<string, AnyTool>;
  limits?: Partial<AgentLimits>;
  /** Says to people what the agent is for. */
  description?: string;
}

/** An agent, with its defaults filled in. */
export interface AgentDefinition {
  /** `null`: the model of the server. */
  readonly model: AgentModel | null;
  readonly instructions: string;
  readonly tools: Readonly<Record<string, AnyTool>>;
  readonly limits: Readonly<AgentLimits>;
  readonly description: string | null;
}

/** Also of executions that an older version began. */
export const DEFAULT_MAX_TAKEOVERS = 5;

const count = z.int('must be a whole number').positive('must be more than 0');

const limitOptions = z.object({
  maxTurns: count.default(20),
  deadlineMs: milliseconds.default(900_000),
  tokenBudget: count.nullable().default(null),
  modelRetries: z.int('must be a whole number').min(0, 'must be 0 or more').default(4),
  modelIdleTimeoutMs: milliseconds.default(120_000),
  maxTakeovers: count.default(DEFAULT_MAX_TAKEOVERS),
  maxOutputTokens: count.optional(),
});

const agentOptions = z.object({
  model: z
    .custom<AgentModel>(isModel, 'must be "provider:model", or a language model of the AI SDK')
    .optional(),
  instructions: z.string('must be a text'),
  tools: z.record(z.string(), z.unknown(), 'must be an object: { name: defineTool({ … }) }').default({}),
  limits: z.unknown().optional(),
  description: description.optional(),
});

/**
 * Defines an agent: the default export of a file in the agents folder, whose name is the agent's id.
 *
 * @throws DefinitionError if an option is unknown or does not fit
 */
export function defineAgent(options: AgentOptions): AgentDefinition {
  const checked = checkOptions('defineAgent', agentOptions, options);
  const definition: AgentDefinition = {
    model: checked.model ?? null,
    instructions: checked.instructions,
    tools: checkTools(checked.tools),
    limits: Object.freeze(checkOptions('defineAgent: "limits"', limitOptions, checked.limits ?? {})),
    description: checked.description ?? null,
  };
  return Object.freeze(Object.defineProperty(definition, brand, { value: true }));
}

/** Whether it came from `defineAgent`, of whichever copy of this package. */
export function isAgent(value: unknown): value is AgentDefinition {
  return typeof value === 'object' && value !== null && brand in value;
}

function checkTools(tools: Record<string, unknown>): Readonly<Record<string, AnyTool>> {
  for (const [name, tool] of Object.entries(tools)) {
    const where = `defineAgent: tool "${name}"`;
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
      throw new DefinitionError(`${where}: a name has 1 to 64 letters, digits, "_" or "-"`);
    }
    if (!isTool(tool)) throw new DefinitionError(`${where} must be made with defineTool({ … })`);
    // Tried here and not when the model is called: this is where the author is looking.
    inputJsonSchema(tool, where);
  }
  return Object.freeze({ ...(tools as Record<string, AnyTool>) });
}

function isModel(value: unknown): boolean {
  if (typeof value === 'string') return /^[^:\s]+:\S+$/.test(value);
  const model = value as { specificationVersion?: unknown; doStream?: unknown } | null;
  return (
    typeof model === 'object' &&
    ['v2', 'v3', 'v4'].includes(String(model?.specificationVersion)) &&
    typeof model?.doStream === 'function'
  );
}
