import { describe, expect, test } from '@jest/globals';
import { type AnyTool, defineAgent, defineQuestion, defineTool, type ToolContext } from 'outlast';
import { z } from 'zod';
import { agentHash } from '../../src/agents/agent-hash.ts';
import { isAgent } from '../../src/agents/define-agent.ts';
import { isTool } from '../../src/agents/define-tool.ts';
import { createDemoModel } from '../../src/agents/demo-model/model.ts';

const add = defineTool({
  description: 'Adds',
  inputSchema: z.object({ a: z.number(), b: z.number().default(1) }),
  execute: ({ a, b }) => a + b,
});

const ask = defineQuestion({ description: 'Asks', inputSchema: z.object({ question: z.string() }) });

/** For calls that the types refuse, as JavaScript lets them pass. */
const untyped = { defineAgent, defineTool, defineQuestion } as Record<string, (options: unknown) => unknown>;

const toolOptions = { description: 'd', inputSchema: z.object({}), execute: () => null };

test('defaults are filled in', () => {
  expect(add).toMatchObject({
    kind: 'tool',
    needsApproval: false,
    idempotent: false,
    timeoutMs: 300_000,
    retries: 0,
    risk: 'low',
    onExpire: 'deny',
    approvalTimeoutMs: null,
    approvers: null,
  });
  expect(ask).toMatchObject({ kind: 'question', description: 'Asks' });
  expect(defineAgent({ instructions: 'Be nice.', limits: { maxTurns: 3 } })).toEqual({
    model: null,
    instructions: 'Be nice.',
    tools: {},
    limits: {
      maxTurns: 3,
      deadlineMs: 900_000,
      tokenBudget: null,
      modelRetries: 4,
      modelIdleTimeoutMs: 120_000,
      maxTakeovers: 5,
    },
    description: null,
  });
});

test('definitions are known by a mark that any copy of the package sets, and cannot be changed', () => {
  const agent = defineAgent({ instructions: '', tools: { add, ask } });
  expect([isAgent(agent), isTool(add), isTool(ask)]).toEqual([true, true, true]);
  expect([isAgent(add), isTool(agent), isAgent({ ...agent }), isAgent(null), isAgent('agent')]).toEqual(
    Array(5).fill(false),
  );
  expect(isAgent(Object.defineProperty({}, Symbol.for('outlast.agent'), { value: true }))).toBe(true);
  expect([agent, agent.tools, agent.limits, add, ask].every(Object.isFrozen)).toBe(true);
  expect(JSON.parse(JSON.stringify(ask))).toHaveProperty('kind');
});

describe('a slip in a definition is answered with what would be right', () => {
  test.each<[string, unknown, string]>([
    [
      'defineTool',
      { ...toolOptions, needApproval: true },
      'defineTool: unknown option "needApproval"; did you mean "needsApproval"?',
    ],
    [
      'defineTool',
      { ...toolOptions, timeoutMS: 1 },
      'defineTool: unknown option "timeoutMS"; did you mean "timeoutMs"?',
    ],
    [
      'defineTool',
      { ...toolOptions, colour: 1 },
      'defineTool: unknown option "colour"; it takes description, inputSchema, execute, needsApproval, idempotent, timeoutMs, retries, risk, onExpire, approvalTimeoutMs, approvers',
    ],
    ['defineTool', { ...toolOptions, description: undefined }, 'defineTool: "description" must be a text'],
    ['defineTool', { ...toolOptions, description: ' ' }, 'defineTool: "description" must not be empty'],
    [
      'defineTool',
      { ...toolOptions, inputSchema: { type: 'object' } },
      'defineTool: "inputSchema" must be an object schema of zod 4: z.object({ … })',
    ],
    [
      'defineTool',
      { ...toolOptions, inputSchema: z.string() },
      'defineTool: "inputSchema" must be an object schema of zod 4: z.object({ … })',
    ],
    [
      'defineTool',
      { ...toolOptions, execute: 'rm' },
      'defineTool: "execute" must be a function (input, context) => output',
    ],
    [
      'defineTool',
      { ...toolOptions, needsApproval: 'yes' },
      'defineTool: "needsApproval" must be true, false, or a function (input, context) => boolean',
    ],
    ['defineTool', { ...toolOptions, timeoutMs: 0 }, 'defineTool: "timeoutMs" must be more than 0'],
    [
      'defineTool',
      { ...toolOptions, timeoutMs: 2 ** 31 },
      'defineTool: "timeoutMs" must be at most 2147483647 ms',
    ],
    ['defineTool', { ...toolOptions, risk: 'huge' }, 'defineTool: "risk" must be "low", "medium" or "high"'],
    [
      'defineTool',
      { ...toolOptions, retries: 1 },
      'defineTool: "retries" is only for tools with "idempotent: true", since a call that failed may have had its effect',
    ],
    [
      'defineTool',
      { ...toolOptions, approvalTimeoutMs: 0 },
      'defineTool: "approvalTimeoutMs" must be more than 0',
    ],
    ['defineTool', { ...toolOptions, onExpire: 'run' }, 'defineTool: "onExpire" must be "deny" or "approve"'],
    [
      'defineTool',
      { ...toolOptions, onExpire: 'approve' },
      'defineTool: "onExpire" needs "approvalTimeoutMs", or it would never happen',
    ],
    ['defineTool', { ...toolOptions, approvers: [] }, 'defineTool: "approvers" must name somebody'],
    ['defineTool', { ...toolOptions, approvers: [''] }, 'defineTool: "approvers.0" must not be empty'],
    [
      'defineTool',
      { ...toolOptions, approvers: ['a\u0000'] },
      'defineTool: "approvers.0" must be plain text',
    ],
    ['defineTool', undefined, 'defineTool: give it one object of options'],
    [
      'defineQuestion',
      toolOptions,
      'defineQuestion: unknown option "execute"; it takes description, inputSchema, approvalTimeoutMs, approvers',
    ],
    [
      'defineAgent',
      { instruction: '' },
      'defineAgent: unknown option "instruction"; did you mean "instructions"?',
    ],
    ['defineAgent', {}, 'defineAgent: "instructions" must be a text'],
    [
      'defineAgent',
      { instructions: '', model: 'gpt-5' },
      'defineAgent: "model" must be "provider:model", or a language model of the AI SDK',
    ],
    [
      'defineAgent',
      { instructions: '', model: { modelId: 'x' } },
      'defineAgent: "model" must be "provider:model", or a language model of the AI SDK',
    ],
    [
      'defineAgent',
      { instructions: '', limits: { maxTurn: 1 } },
      'defineAgent: "limits": unknown option "maxTurn"; did you mean "maxTurns"?',
    ],
    [
      'defineAgent',
      { instructions: '', limits: { maxTurns: 1.5 } },
      'defineAgent: "limits": "maxTurns" must be a whole number',
    ],
    [
      'defineAgent',
      { instructions: '', limits: { tokenBudget: 0 } },
      'defineAgent: "limits": "tokenBudget" must be more than 0',
    ],
    [
      'defineAgent',
      { instructions: '', tools: { 'add up': add } },
      'defineAgent: tool "add up": a name has 1 to 64 letters, digits, "_" or "-"',
    ],
    [
      'defineAgent',
      { instructions: '', tools: { add: toolOptions } },
      'defineAgent: tool "add" must be made with defineTool({ … })',
    ],
  ])('%s %#', (define, options, message) => {
    expect(() => untyped[define]?.(options)).toThrow(
      expect.objectContaining({ name: 'DefinitionError', message }),
    );
  });

  test('an input that JSON Schema has no words for names the tool', () => {
    const when = defineTool({ ...toolOptions, inputSchema: z.object({ at: z.date() }) });
    expect(() => defineAgent({ instructions: '', tools: { when } })).toThrow(
      /^defineAgent: tool "when": "inputSchema" cannot be written as JSON Schema: .*Date/,
    );
  });
});

test('an agent takes a model name, a model object or none', () => {
  const model = createDemoModel();
  expect(defineAgent({ instructions: '', model }).model).toBe(model);
  expect(defineAgent({ instructions: '', model: 'compatible:meta/llama:70b' }).model).toBe(
    'compatible:meta/llama:70b',
  );
});

describe('the hash of an agent', () => {
  const agent = defineAgent({
    instructions: 'i',
    tools: { add, ask },
    limits: { maxTurns: 2, modelRetries: 1 },
  });

  test('is the same for the same agent, in whatever order it is written', () => {
    const same = defineAgent({
      limits: { modelRetries: 1, maxTurns: 2 },
      tools: { ask, add },
      instructions: 'i',
    });
    expect(agentHash(same)).toBe(agentHash(agent));
    expect(agentHash(agent)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('changes with all that the model is told', () => {
    const { execute: _, kind: __, ...options } = add;
    const change = (changed: object): AnyTool =>
      defineTool({ ...toolOptions, ...options, ...changed } as typeof toolOptions);
    const others = [
      defineAgent({ ...agent, model: 'openai:gpt-5', description: 'x' }),
      defineAgent({ ...agent, model: createDemoModel(), description: 'x' }),
      ...[{ maxTurns: 3 }, { tokenBudget: 9 }].map((limits) =>
        defineAgent({ instructions: 'i', tools: { add, ask }, limits: { ...agent.limits, ...limits } }),
      ),
      ...[
        { description: 'x' },
        { inputSchema: z.object({ a: z.int() }) },
        { needsApproval: true },
        { needsApproval: () => true },
        { idempotent: true },
        { risk: 'high' },
        { timeoutMs: 1 },
        { approvalTimeoutMs: 1 },
        { approvalTimeoutMs: 1, onExpire: 'approve' },
        { approvers: ['ann'] },
      ].map((changed) =>
        defineAgent({ instructions: 'i', tools: { add: change(changed), ask }, limits: agent.limits }),
      ),
    ];
    const hashes = [agent, ...others].map(agentHash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

test('the input and the output of a tool are typed by its schema', () => {
  const context = {} as ToolContext;
  expect(add.execute({ a: 1, b: 2 }, context)).toBe(3);
  // Only for tsc, which checks this file too.
  const typed = () => {
    const sum: number | Promise<number> = add.execute({ a: 1, b: 2 }, context);
    // @ts-expect-error the parsed input has a default's value
    void add.execute({ a: 1 }, context);
    // @ts-expect-error wrong input
    void add.execute({ a: '1', b: 2 }, context);
    defineTool({
      ...toolOptions,
      inputSchema: z.object({ at: z.string().transform(Number) }),
      needsApproval: ({ at }) => at.toFixed() === '1',
      execute: async ({ at }, { signal, log, idempotencyKey }) => {
        log.info({ at }, idempotencyKey);
        log.debug('text');
        // @ts-expect-error it is a number after parsing
        at.trim();
        return signal.aborted;
      },
    });
    // @ts-expect-error no such option
    defineTool({ ...toolOptions, idempotnt: true });
    // @ts-expect-error not an object schema
    defineTool({ ...toolOptions, inputSchema: z.string() });
    // @ts-expect-error a question is not executed
    defineQuestion({ ...ask, execute: () => null });
    // @ts-expect-error not a tool
    defineAgent({ instructions: '', tools: { add: { description: '' } } });
    // Tools of different inputs in one agent, with rules of different inputs.
    const mail = defineTool({
      description: 'Mails',
      inputSchema: z.object({ to: z.string() }),
      needsApproval: async ({ to }) => to !== '',
      execute: ({ to }) => ({ to }),
    });
    const tools: Record<string, AnyTool> = { add, mail, ask };
    return [
      sum,
      defineAgent({ instructions: '', tools }),
      defineAgent({ instructions: '', tools: { add, mail, ask } }),
    ];
  };
  expect(typed).toBeInstanceOf(Function);
});
