import { describe, expect, test } from '@jest/globals';
import { type JSONValue, type ModelMessage, type ToolResultPart, tool } from 'ai';
import { z } from 'zod';
import { askDemoModel } from './ask-demo-model.ts';

const tools = {
  add: tool({ inputSchema: z.object({ a: z.number() }) }),
  other: tool({ inputSchema: z.object({}) }),
};

type Output = ToolResultPart['output'];

describe('which turn it is at', () => {
  test('follows from the history', async () => {
    const script = 'say first\ncall add {"a": 1}\n---\nsay second\ncall add {"a": 2}\n---\nsay third';
    const history: ModelMessage[] = [{ role: 'user', content: script }];
    expect(await nextTurn(history, [json(1)])).toBe('first');
    expect(await nextTurn(history, [json(2)])).toBe('second');
    expect(await nextTurn(history, [])).toBe('third');
  });

  test('begins anew with the next user message, whose text parts are one script', async () => {
    const history: ModelMessage[] = [{ role: 'user', content: 'call add {"a": 1}\n---\nsay old' }];
    await nextTurn(history, [json(1)]);
    await nextTurn(history, []);
    const content = [
      { type: 'text' as const, text: 'say new\ncall add {"a": 2}' },
      { type: 'text' as const, text: '---\nsay last' },
    ];
    history.push({ role: 'user', content });
    expect(await nextTurn(history, [json(2)])).toBe('new');
    expect(await nextTurn(history, [])).toBe('last');
  });
});

describe('after the last turn', () => {
  test('all results are told in the order of the calls', async () => {
    const outputs: Output[] = [
      { type: 'text', value: 'plain' },
      json({ z: 1, a: [null] }),
      { type: 'error-text', value: 'broke' },
      { type: 'error-json', value: { code: 7 } },
      { type: 'execution-denied', reason: 'too much' },
      { type: 'execution-denied' },
      { type: 'error-json', value: { cancelled: true } },
      json({ cancelled: true }),
      { type: 'error-json', value: { cancelled: true, note: 'It was running' } },
    ];
    const script = outputs.map(() => 'call add {"a": 1}').join('\n');
    const history: ModelMessage[] = [{ role: 'user', content: `${script}\n---\ncall other {}` }];
    await nextTurn(history, outputs, { reversed: true });
    await nextTurn(history, [json('last')]);
    expect(await nextTurn(history, [])).toBe(
      'done: ["plain",{"z":1,"a":[null]},{"error":"broke"},{"error":{"code":7}},{"denied":"too much"},' +
        '{"denied":null},{"cancelled":true},{"cancelled":true},{"cancelled":true},"last"]',
    );
  });

  test('results from before the last user message are not told again', async () => {
    const history: ModelMessage[] = [{ role: 'user', content: 'call add {"a": 1}' }];
    await nextTurn(history, [json('old')]);
    expect(await nextTurn(history, [])).toBe('done: ["old"]');
    history.push({ role: 'user', content: 'call other {}' });
    await nextTurn(history, [json('new')]);
    expect(await nextTurn(history, [])).toBe('done: ["new"]');
  });

  test('an input that was refused is an error', async () => {
    const history: ModelMessage[] = [{ role: 'user', content: 'call add {"a": "x"}\ncall add {"a": 2}' }];
    const { result } = await askDemoModel(history, { tools });
    const [, valid] = await result.toolCalls;
    history.push(...(await result.responseMessages), { role: 'tool', content: [toolResult(valid, json(3))] });
    expect(await nextTurn(history, [])).toMatch(/^done: \[\{"error":"AI_InvalidToolInputError.*\},3\]$/s);
  });
});

test('a turn that is asked for again asks for the same tool calls, another turn for others', async () => {
  const ids = async (history: ModelMessage[]) => {
    const calls = await (await askDemoModel(history, { tools })).result.toolCalls;
    return calls.map(({ toolCallId }) => toolCallId);
  };
  const script = 'call add {"a": 1}\ncall add {"a": 1}\n---\ncall add {"a": 1}';
  const history: ModelMessage[] = [{ role: 'user', content: script }];
  const first = await ids(history);
  expect(await ids(history)).toEqual(first);
  await nextTurn(history, [json(1), json(1)]);
  const second = await ids(history);
  await nextTurn(history, [json(1)]);
  history.push({ role: 'assistant', content: 'done' }, { role: 'user', content: script });
  const repeated = await ids(history);
  expect(new Set([...first, ...second, ...repeated]).size).toBe(5);
  for (const id of first) expect(id).toMatch(/^call_[0-9a-f]{12}$/);
});

/** Takes one turn and answers its calls; gives the text of the turn. */
async function nextTurn(
  history: ModelMessage[],
  outputs: Output[],
  { reversed = false } = {},
): Promise<string> {
  const { text, result } = await askDemoModel(history, { tools });
  history.push(...(await result.responseMessages));
  const calls = await result.toolCalls;
  expect(calls).toHaveLength(outputs.length);
  const results = calls.map((call, n) => toolResult(call, outputs[n] ?? json(null)));
  if (reversed) results.reverse();
  history.push(...results.map((part) => ({ role: 'tool' as const, content: [part] })));
  return text;
}

function toolResult(
  call: { toolCallId: string; toolName: string } | undefined,
  output: Output,
): ToolResultPart {
  return { type: 'tool-result', toolCallId: call?.toolCallId ?? '', toolName: call?.toolName ?? '', output };
}

function json(value: JSONValue): Output {
  return { type: 'json', value };
}
