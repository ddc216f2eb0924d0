import { z } from 'zod';
import { checkOptions, DefinitionError } from './check-options.ts';

const brand = Symbol.for('outlast.tool');

/** Writes to the server's log, with the ids of the execution and the call. Pino's way: `log.info({ n }, 'text')`. */
export interface ToolLog {
  debug: ToolLogMethod;
  info: ToolLogMethod;
  warn: ToolLogMethod;
  error: ToolLogMethod;
}

export type ToolLogMethod = (fieldsOrMessage: object | string, message?: string) => void;

/** What is known about the call that a tool answers. */
export interface ToolContext {
  /** The same for every attempt of this call: give it to the service that you call, so that it acts only once. */
  idempotencyKey: string;
  executionId: string;
  threadId: string;
  /** Rises whenever a process takes the execution over, e.g. after a crash. */
  attempt: number;
  /** Aborted when the execution is cancelled, the tool's time is over, or this process may no longer act for it. */
  signal: AbortSignal;
  log: ToolLog;
}

/** How much harm a wrong call can do: shown to the people who approve it. */
export type ToolRisk = 'low' | 'medium' | 'high';

/** Says whether a call with this input has to be approved by a person. */
export type ApprovalRule<Input> = (input: Input, context: ToolContext) => boolean | Promise<boolean>;

export interface ToolOptions<Schema extends z.ZodObject, Output> {
  /** Tells the model what the tool does and when to use it. */
  description: string;
  /** What the model has to give. The input is checked against it before anything runs. */
  inputSchema: Schema;
  /** Does the work. What it returns, or the message of what it throws, is what the model reads. */
  execute: (input: z.output<Schema>, context: ToolContext) => Output | Promise<Output>;
  /** Whether a person has to approve a call first. Default: false. */
  needsApproval?: boolean | ApprovalRule<z.output<Schema>>;
  /**
   * Whether a second call with the same idempotency key does no harm. If so, a call that a crash cut off is made
   * again; if not, a person is asked what became of it. Default: false.
   */
  idempotent?: boolean;
  /** Default: 300000, five minutes. */
  timeoutMs?: number;
  /** How often a failed call is made again; only for idempotent tools. Default: 0. */
  retries?: number;
  /** Default: 'low'. */
  risk?: ToolRisk;
  /** Milliseconds that people have to decide; then the call counts as denied. Default: no limit. */
  approvalTimeoutMs?: number;
  /** What the end of that time means: `approve` lets the call run though nobody looked at it. Default: 'deny'. */
  onExpire?: 'deny' | 'approve';
  /** The ids of those who may decide. Default: the owner of the thread. */
  approvers?: string[];
}

export interface QuestionOptions<Schema extends z.ZodObject> {
  /** Tells the model when to ask. */
  description: string;
  /** What the model has to give: the question. */
  inputSchema: Schema;
  /** Milliseconds that people have to answer; then the question counts as declined. Default: no limit. */
  approvalTimeoutMs?: number;
  /** The ids of those who may answer. Default: the owner of the thread. */
  approvers?: string[];
}

// A method's type: TypeScript compares those loosely, so that one agent can have tools of different inputs.
type LooseRule<Input> = { rule(input: Input, context: ToolContext): boolean | Promise<boolean> }['rule'];

/** Who is asked, and for how long. */
interface Asking {
  /** `null`: for as long as it takes. */
  readonly approvalTimeoutMs: number | null;
  /** `null`: the owner of the thread. */
  readonly approvers: readonly string[] | null;
}

/** A tool, with its defaults filled in. */
export interface ToolDefinition<Schema extends z.ZodObject = z.ZodObject, Output = unknown> extends Asking {
  readonly kind: 'tool';
  readonly description: string;
  readonly inputSchema: Schema;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly risk: ToolRisk;
  readonly onExpire: 'deny' | 'approve';
  readonly needsApproval: boolean | LooseRule<z.output<Schema>>;
  execute(input: z.output<Schema>, context: ToolContext): Output | Promise<Output>;
}

/** A tool that a person answers: the execution waits for the answer, and the answer is the output. */
export interface QuestionDefinition<Schema extends z.ZodObject = z.ZodObject> extends Asking {
  readonly kind: 'question';
  readonly description: string;
  readonly inputSchema: Schema;
}

/** What the tools of an agent may be. */
export type AnyTool = ToolDefinition | QuestionDefinition;

/** `setTimeout` cannot wait longer. */
const longestTimeoutMs = 2 ** 31 - 1;

export const milliseconds = z
  .int('must be a number of milliseconds')
  .positive('must be more than 0')
  .max(longestTimeoutMs, `must be at most ${longestTimeoutMs} ms`);

export const description = z.string('must be a text').trim().min(1, 'must not be empty');

/** Ten years: longer than that is a slip. */
const longestApprovalMs = 10 * 365 * 86_400_000;

const asking = {
  approvalTimeoutMs: z
    .int('must be a number of milliseconds')
    .positive('must be more than 0')
    .max(longestApprovalMs, `must be at most ${longestApprovalMs} ms`)
    .nullable()
    .default(null),
  approvers: z
    .array(
      z
        .string('must be a list of texts')
        .min(1, 'must not be empty')
        .regex(/^[^\0\p{Surrogate}]*$/u, 'must be plain text'),
      'must be a list of texts',
    )
    .min(1, 'must name somebody')
    .nullable()
    .default(null),
};

const inputSchema = z.custom<z.ZodObject>(
  isObjectSchema,
  'must be an object schema of zod 4: z.object({ … })',
);

const isFunction = (value: unknown) => typeof value === 'function';

const toolOptions = z.object({
  description,
  inputSchema,
  execute: z.custom<ToolDefinition['execute']>(isFunction, 'must be a function (input, context) => output'),
  needsApproval: z
    .custom<ToolDefinition['needsApproval']>(
      (value) => typeof value === 'boolean' || isFunction(value),
      'must be true, false, or a function (input, context) => boolean',
    )
    .default(false),
  idempotent: z.boolean('must be true or false').default(false),
  timeoutMs: milliseconds.default(300_000),
  retries: z.int('must be a whole number').min(0, 'must be 0 or more').default(0),
  risk: z.enum(['low', 'medium', 'high'], 'must be "low", "medium" or "high"').default('low'),
  onExpire: z.enum(['deny', 'approve'], 'must be "deny" or "approve"').default('deny'),
  ...asking,
});

const questionOptions = z.object({ description, inputSchema, ...asking });

/**
 * Defines something that an agent can do.
 *
 * @throws DefinitionError if an option is unknown or does not fit
 */
export function defineTool<Schema extends z.ZodObject, Output>(
  options: ToolOptions<Schema, Output>,
): ToolDefinition<Schema, Output> {
  const checked = checkOptions('defineTool', toolOptions, options);
  if (checked.retries > 0 && !checked.idempotent) {
    throw new DefinitionError(
      'defineTool: "retries" is only for tools with "idempotent: true", since a call that failed may have had its effect',
    );
  }
  if (checked.onExpire === 'approve' && checked.approvalTimeoutMs === null) {
    throw new DefinitionError('defineTool: "onExpire" needs "approvalTimeoutMs", or it would never happen');
  }
  return branded({ kind: 'tool', ...checked }) as ToolDefinition<Schema, Output>;
}

/**
 * Defines a question that an agent can ask a person.
 *
 * @throws DefinitionError if an option is unknown or does not fit
 */
export function defineQuestion<Schema extends z.ZodObject>(
  options: QuestionOptions<Schema>,
): QuestionDefinition<Schema> {
  const checked = checkOptions('defineQuestion', questionOptions, options);
  return branded({ kind: 'question', ...checked }) as QuestionDefinition<Schema>;
}

/** Whether it came from `defineTool` or `defineQuestion`, of whichever copy of this package. */
export function isTool(value: unknown): value is AnyTool {
  return typeof value === 'object' && value !== null && brand in value;
}

function branded<T extends object>(definition: T): Readonly<T> {
  return Object.freeze(Object.defineProperty(definition, brand, { value: true }));
}

/** Not by `instanceof`: the agent's zod may be another copy than ours. */
function isObjectSchema(value: unknown): boolean {
  const { _zod } = (value ?? {}) as { _zod?: { def?: { type?: unknown } } };
  return _zod?.def?.type === 'object';
}
