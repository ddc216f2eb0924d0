import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { calls, says, whole } from '../support/fake-openai.ts';
import { type ModelServer, startModelServer } from './model-server.ts';

let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer();
});

afterAll(() => model.dispose());

const done = whole(says('Done'));
const finishTools = { finish: 'tool_calls' };

/** What the model was told last about its tool calls: id and result. */
function results(
  request: { messages: { role: string; tool_call_id?: string; content: unknown }[] } | undefined,
) {
  return (request?.messages ?? [])
    .filter(({ role }) => role === 'tool')
    .map(({ tool_call_id, content }) => [tool_call_id, content]);
}

describe('the tool calls of a provider', () => {
  test('go back with their results, in the order of the calls', async () => {
    const both = [...calls('x', 'add', '{"a":1,"b":2}'), ...calls('y', 'add', '{"a":3,"b":4}', 1)];
    const { requests, record } = await model.run('calculator', [whole(...both, finishTools), done]);
    expect(record.status).toBe('completed');
    expect(results(requests[1])).toEqual([
      ['x', '3'],
      ['y', '7'],
    ]);
  });

  test('may have the same id in every turn', async () => {
    const call = (a: number) => whole(...calls('call_0', 'add', `{"a":${a},"b":1}`), finishTools);
    const { requests, record } = await model.run('calculator', [call(1), call(2), call(3), done]);
    expect(record.status).toBe('completed');
    expect(record.calls.map(({ toolCallId }) => toolCallId)).toEqual(['call_0', 't2.call_0', 't3.call_0']);
    expect(results(requests[3])).toEqual([
      ['call_0', '2'],
      ['t2.call_0', '3'],
      ['t3.call_0', '4'],
    ]);
  });

  test('of one id in one answer are told apart', async () => {
    const twice = [...calls('x', 'add', '{"a":1,"b":2}'), ...calls('x', 'add', '{"a":3,"b":4}', 1)];
    const { record, requests } = await model.run('calculator', [whole(...twice, finishTools), done]);
    expect(record.status).toBe('completed');
    expect(new Set(record.calls.map(({ toolCallId }) => toolCallId)).size).toBe(2);
    expect(results(requests[1]).map(([, result]) => result)).toEqual(['3', '7']);
  });

  test.each([
    ['arguments that are no JSON', calls('x', 'add', '{"a":1,')],
    ['arguments that do not fit', calls('x', 'add', '{"a":"one"}')],
    ['a tool that does not exist', calls('x', 'subtract', '{"a":1,"b":2}')],
  ])('with %s are an error that the model is told', async (_, parts) => {
    const { text, record, requests } = await model.run('calculator', [whole(...parts, finishTools), done]);
    expect(record.status).toBe('completed');
    expect(text).toBe('Done');
    expect(record.calls).toEqual([]);
    expect(results(requests[1])).toEqual([['x', expect.stringMatching(/./)]]);
  });

  test('that are in order are made beside one that is not', async () => {
    const both = [...calls('x', 'add', '{"a":1,"b":2}'), ...calls('y', 'add', '{"a":', 1)];
    const { requests, record } = await model.run('calculator', [whole(...both, finishTools), done]);
    expect(record.status).toBe('completed');
    expect(Object.fromEntries(results(requests[1]))).toMatchObject({ x: '3', y: expect.stringMatching(/./) });
  });

  test('may come between words', async () => {
    const parts = [says('First '), ...calls('x', 'add', '{"a":1,"b":2}'), says('and then')];
    const { record, text } = await model.run('calculator', [whole(...parts, finishTools), done]);
    expect(record.status).toBe('completed');
    expect(text).toBe('First and thenDone');
  });

  test('that the model never stops making end at the limit of turns', async () => {
    const { record, requests } = await model.run('calculator', [
      whole(...calls('call_0', 'add', '{"a":1,"b":1}'), finishTools),
    ]);
    expect(record).toMatchObject({ status: 'failed', errorCode: 'max-turns' });
    expect(requests).toHaveLength(5);
  });
});

describe('an answer', () => {
  test('has the tokens that come in an event without choices', async () => {
    const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 };
    const { record } = await model.run('plain', [whole(says('Hi'), { finish: 'stop' }, { usage })]);
    expect(record.usage).toMatchObject({ inputTokens: 11, outputTokens: 5, totalTokens: 16 });
  });

  test('that was cut short in the middle of a tool call is kept, and its call is not made', async () => {
    const half = [says('I will add'), ...calls('x', 'add', '{"a":1,"b"'), { finish: 'length' }];
    const { record, text, types } = await model.run('calculator', [whole(...half)], 'cut-short');
    expect(record.status).toBe('completed');
    expect(record.turns).toMatchObject([{ finishReason: 'length' }]);
    expect(text).toBe('I will add');
    expect(types.at(-1)).toBe('finish');
    const next = await model.run('calculator', [done], 'cut-short');
    expect(next.record.status).toBe('completed');
  });

  test('that was cut short after a whole tool call is kept, and its call is not made', async () => {
    const cut = [...calls('x', 'add', '{"a":1,"b":2}'), { finish: 'length' }];
    const { record } = await model.run('calculator', [whole(...cut)], 'cut-late');
    expect(record.status).toBe('completed');
    expect(record.calls).toMatchObject([{ status: 'failed', errorCode: 'answer-cut-short' }]);
    expect((await model.run('calculator', [done], 'cut-late')).record.status).toBe('completed');
  });

  test('may be empty, and a question after it is answered', async () => {
    const { record, text } = await model.run('plain', [whole()], 'empty');
    expect(record.status).toBe('completed');
    expect(text).toBe('');
    expect((await model.run('plain', [done], 'empty')).record.status).toBe('completed');
  });

  test('may come in one piece of 300 KB', async () => {
    const long = 'long '.repeat(60_000);
    const { record, text } = await model.run('plain', [whole(says(long))]);
    expect(record.status).toBe('completed');
    expect(text).toBe(long);
  });

  test('keeps every character, also those that a database could refuse', async () => {
    const odd = 'zero \u0000 lone \ud800 emoji 😀 line\nend';
    const { record, text } = await model.run('plain', [whole(says(odd))], 'odd');
    expect(record.status).toBe('completed');
    expect(text).toBe(odd);
    expect((await model.run('plain', [done], 'odd')).record.status).toBe('completed');
  });
});
