import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ToolContext } from 'outlast';
import assistant from '../../agents/assistant.ts';
import operator from '../../agents/operator.ts';
import { describeAgent } from '../../src/agents/describe-agent.ts';
import { createModelRegistry } from '../../src/agents/model-registry.ts';

const before = process.env.OUTLAST_DATA_DIR;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'outlast-effects-'));
  process.env.OUTLAST_DATA_DIR = join(dir, 'data');
});

afterEach(async () => {
  if (before === undefined) delete process.env.OUTLAST_DATA_DIR;
  else process.env.OUTLAST_DATA_DIR = before;
  await rm(dir, { recursive: true, force: true });
});

test('the operator shows every kind of tool', () => {
  const entry = { id: 'operator', file: 'operator.ts', agent: operator, error: null };
  const { tools } = describeAgent(entry, createModelRegistry({}));
  expect(tools.map(({ name, needsApproval, idempotent }) => [name, needsApproval, idempotent])).toEqual([
    ['lookup_order', false, true],
    ['refund_order', true, false],
    ['send_email', 'conditional', true],
    ['slow_report', false, false],
    ['ask_person', false, true],
  ]);
  expect(operator.tools.ask_person?.kind).toBe('question');
});

test('mail to strangers needs approval', async () => {
  const rule = toolOf(operator, 'send_email').needsApproval;
  if (typeof rule === 'boolean') throw new Error('expected a rule');
  expect(await rule({ to: 'a@example.com' }, context())).toBe(false);
  expect(await rule({ to: 'a@example.com.evil.org' }, context())).toBe(true);
});

test('effects are lines of a file, written by as many as may be', async () => {
  const refund = toolOf(operator, 'refund_order');
  const calls = Array.from({ length: 50 }, (_, n) =>
    refund.execute({ orderId: `o${n}`, amount: 1 }, context({ idempotencyKey: `e:${n}` })),
  );
  await Promise.all(calls);
  const effects = await readEffects();
  expect(effects).toHaveLength(50);
  expect(effects.find(({ idempotencyKey }) => idempotencyKey === 'e:7')).toEqual({
    tool: 'refund_order',
    input: { orderId: 'o7', amount: 1 },
    idempotencyKey: 'e:7',
    attempt: 1,
    at: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

test('a slow report has its effect when it starts, and stops when it is told to', async () => {
  const controller = new AbortController();
  const report = toolOf(operator, 'slow_report');
  const running = report.execute({ seconds: 60, name: 'sales' }, context({ signal: controller.signal }));
  const stopped = expect(running).rejects.toMatchObject({ name: 'AbortError' });
  setTimeout(() => controller.abort(), 50);
  await stopped;
  expect(await readEffects()).toMatchObject([{ tool: 'slow_report', input: { seconds: 60, name: 'sales' } }]);
  expect(await report.execute({ seconds: 0, name: 'sales' }, context())).toMatchObject({ report: 'sales' });
});

test('the assistant adds, and knows the time', async () => {
  expect(await toolOf(assistant, 'add').execute({ a: 2, b: 3 }, context())).toBe(5);
  const getTime = toolOf(assistant, 'get_time');
  expect(await getTime.execute({}, context())).toMatchObject({
    timezone: 'UTC',
    time: expect.stringMatching(/UTC/),
  });
  expect(() => getTime.execute({ timezone: 'Mars/Base' }, context())).toThrow(/Mars/);
});

function toolOf(agent: typeof operator, name: string) {
  const tool = agent.tools[name];
  if (tool?.kind !== 'tool') throw new Error(`no tool ${name}`);
  return tool;
}

function context(given: Partial<ToolContext> = {}): ToolContext {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const { signal } = new AbortController();
  return { idempotencyKey: 'e:c', executionId: 'e', threadId: 't', attempt: 1, signal, log, ...given };
}

async function readEffects(): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(join(dir, 'data', 'effects.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}
