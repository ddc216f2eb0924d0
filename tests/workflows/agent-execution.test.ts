import { beforeEach, describe, expect, test } from '@jest/globals';
import { agentExecution } from '../../workflows/agent-execution.ts';
import type { Next } from '../../workflows/steps.ts';
import { FakeSteps } from './fake-steps.ts';

const REF = { executionId: 'e', segment: 3 };
const COMPLETED: Next = { do: 'finish', outcome: { status: 'completed', finishReason: 'stop' } };
const STOP: Next = { do: 'stop' };

let steps: FakeSteps;

beforeEach(() => {
  steps = new FakeSteps();
});

function run(): Promise<void> {
  return agentExecution(steps, steps.runStep, REF);
}

/** The steps in the order in which the engine was asked to run them. */
function stepNames(): string[] {
  return steps.calls.filter((call) => call.startsWith('['));
}

describe('the workflow of an execution', () => {
  test('claims, prepares, takes a turn, finishes and lets go', async () => {
    steps.turns = [COMPLETED];
    await run();
    expect(stepNames()).toEqual(['[claim]', '[prepare]', '[turn 1]', '[finish]']);
    expect(steps.calls.at(-1)).toBe('release e:3');
  });

  test('ends quietly when there is nothing to claim', async () => {
    steps.claimed = STOP;
    await run();
    expect(steps.calls).toEqual(['[claim]', 'release e:3']);
  });

  test('goes on with the turn that prepare found', async () => {
    steps.prepared = { do: 'model-turn', turn: 4 };
    steps.turns = [COMPLETED];
    await run();
    expect(steps.calls).toContain('turn 4');
  });

  test('finishes without a turn when it cannot be prepared', async () => {
    steps.prepared = { do: 'finish', outcome: { status: 'failed', code: 'agent-missing', detail: 'gone' } };
    await run();
    expect(stepNames()).toEqual(['[claim]', '[prepare]', '[finish]']);
    expect(steps.calls).toContain('finish failed');
  });

  test('takes the next turn after the tools of the one before', async () => {
    steps.turns = [
      { do: 'tools', turn: 1, toolCallIds: ['a'] },
      { do: 'tools', turn: 2, toolCallIds: ['b'] },
      COMPLETED,
    ];
    await run();
    expect(stepNames()).toEqual([
      '[claim]',
      '[prepare]',
      '[turn 1]',
      '[tool a]',
      '[turn 2]',
      '[tool b]',
      '[turn 3]',
      '[finish]',
    ]);
  });

  test('waits before it takes the same turn again', async () => {
    steps.turns = [{ do: 'back-off', turn: 1, delayMs: 500 }, COMPLETED];
    await run();
    expect(steps.calls.slice(2, 7)).toEqual(['[turn 1]', 'turn 1', '[back off 1]', 'wait 500', '[turn 1]']);
  });

  test('stops without finishing when a turn finds the execution lost', async () => {
    steps.turns = [STOP];
    await run();
    expect(stepNames()).toEqual(['[claim]', '[prepare]', '[turn 1]']);
    expect(steps.calls.at(-1)).toBe('release e:3');
  });

  test('lets go and passes on what a step throws', async () => {
    await expect(run()).rejects.toThrow('The script of the fake model is over');
    expect(steps.calls.at(-1)).toBe('release e:3');
    expect(stepNames()).not.toContain('[finish]');
  });
});

describe('the tools of a turn', () => {
  beforeEach(() => {
    steps.turns = [{ do: 'tools', turn: 1, toolCallIds: ['a', 'b', 'c'] }, COMPLETED];
  });

  test('all begin, in the order of the calls, before one has ended', async () => {
    await run();
    const tools = steps.calls.filter((call) => /^call(ed)? /.test(call));
    expect(tools.slice(0, 3)).toEqual(['call a', 'call b', 'call c']);
  });

  test('are all waited for before the next turn, also when one of them takes longer', async () => {
    let end = () => {};
    steps.tools = { a: () => new Promise((resolve) => (end = () => resolve({ do: 'go-on' }))) };
    const done = run();
    await new Promise((resolve) => setImmediate(resolve));
    expect(steps.calls).toContain('called c');
    expect(steps.calls).not.toContain('turn 2');
    end();
    await done;
    expect(steps.calls.indexOf('called a')).toBeLessThan(steps.calls.indexOf('turn 2'));
  });

  test('are all waited for before the workflow stops because one found the execution lost', async () => {
    steps.tools = { a: async () => STOP };
    await run();
    expect(steps.calls).toContain('called c');
    expect(stepNames()).not.toContain('[turn 2]');
    expect(stepNames()).not.toContain('[finish]');
  });

  test('end the execution when one of them says so, unless another found it lost', async () => {
    const failed: Next = { do: 'finish', outcome: { status: 'failed', code: 'internal', detail: 'a fault' } };
    steps.tools = { a: async () => failed };
    await run();
    expect(steps.calls).toContain('finish failed');

    steps = new FakeSteps();
    steps.turns = [{ do: 'tools', turn: 1, toolCallIds: ['a', 'b'] }];
    steps.tools = { a: async () => failed, b: async () => STOP };
    await run();
    expect(stepNames()).not.toContain('[finish]');
  });

  test('suspend the execution when one waits for a person and all others are over', async () => {
    steps.tools = { b: async () => ({ do: 'wait' }) };
    await run();
    expect(steps.calls.indexOf('suspend 1 a,b,c')).toBeGreaterThan(steps.calls.indexOf('called c'));
    expect(stepNames().at(-1)).toBe('[suspend 1]');
    expect(steps.calls.at(-1)).toBe('release e:3');
  });

  test('are looked at again when all was decided before the suspension', async () => {
    let looks = 0;
    steps.tools = { b: async () => ({ do: looks++ === 0 ? 'wait' : 'go-on' }) };
    steps.suspensions = [{ do: 'tools', turn: 1, toolCallIds: ['a', 'b', 'c'] }];
    await run();
    expect(looks).toBe(2);
    expect(stepNames().slice(-2)).toEqual(['[turn 2]', '[finish]']);
  });

  test('end the execution for a fault also while another waits for a person', async () => {
    const failed: Next = { do: 'finish', outcome: { status: 'failed', code: 'internal', detail: 'a fault' } };
    steps.tools = { a: async () => ({ do: 'wait' }), c: async () => failed };
    await run();
    expect(stepNames()).not.toContain('[suspend 1]');
    expect(steps.calls).toContain('finish failed');
  });

  test('are all waited for before what one of them throws is passed on', async () => {
    steps.tools = { a: () => Promise.reject(new Error('unexpected')) };
    await expect(run()).rejects.toThrow('unexpected');
    expect(steps.calls).toContain('called c');
    expect(steps.calls.at(-1)).toBe('release e:3');
  });
});
