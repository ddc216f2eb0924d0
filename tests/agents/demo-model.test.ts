import type { LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { describe, expect, test } from '@jest/globals';
import { APICallError, generateText, NoOutputGeneratedError, tool } from 'ai';
import fc from 'fast-check';
import { z } from 'zod';
import { createDemoModel } from '../../src/agents/demo-model/model.ts';
import { askDemoModel } from './ask-demo-model.ts';

const tools = {
  add: tool({ inputSchema: z.object({ a: z.number(), b: z.number() }) }),
  get_time: tool({ inputSchema: z.object({}) }),
};

describe('the directives, through streamText', () => {
  test('say streams the words, and nothing of the text is lost', async () => {
    const texts = fc.stringMatching(/^[^\n\r]*\S[^\n\r]*$/);
    await fc.assert(
      fc.asyncProperty(texts, async (said) => expect((await askDemoModel(`say ${said}`)).text).toBe(said)),
      { numRuns: 50 },
    );
    const { types } = await askDemoModel('say one two three');
    expect(types).toEqual([
      'start-step',
      'text-start',
      ...Array(3).fill('text-delta'),
      'text-end',
      'finish-step',
    ]);
  });

  test('stream says numbered words at its own pace', async () => {
    const startedAt = performance.now();
    const { text, types } = await askDemoModel('stream 5 20');
    expect(text).toBe('w1 w2 w3 w4 w5');
    expect(types.filter((type) => type === 'text-delta')).toHaveLength(5);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75);
  });

  test('think streams reasoning; each directive is a part with an id that begins anew with the call', async () => {
    for (let call = 0; call < 2; call += 1) {
      const { parts, reasoning } = await askDemoModel('think so so\nsay a\nsay b');
      const starts = parts.flatMap((part) => ('id' in part && part.type.endsWith('-start') ? [part] : []));
      expect(starts.map(({ type, id }) => [type, id])).toEqual([
        ['reasoning-start', '0'],
        ['text-start', '1'],
        ['text-start', '2'],
      ]);
      expect(reasoning).toBe('so so');
    }
  });

  test('call asks for tool calls side by side, their input in slices', async () => {
    const script = 'say let me see\ncall add {"a": 12345, "b": 67890}\ncall get_time {}';
    const { parts, result } = await askDemoModel(script, { tools });
    const slices = parts.flatMap((part) => (part.type === 'tool-input-delta' ? [part.delta] : []));
    expect(slices).toEqual(['{"a": 12345, "b"', ': 67890}', '{}']);
    const calls = await result.toolCalls;
    expect(calls.map(({ toolName, input }) => [toolName, input])).toEqual([
      ['add', { a: 12345, b: 67890 }],
      ['get_time', {}],
    ]);
    expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(2);
    expect(await result.finishReason).toBe('tool-calls');
  });

  test('call passes malformed input on, as a model would', async () => {
    const { result } = await askDemoModel('call add {"a": 1', { tools });
    expect(await result.toolCalls).toMatchObject([{ invalid: true, input: '{"a": 1' }]);
  });

  test('fail error fails in mid-stream', async () => {
    const { parts, text, thrown, result } = await askDemoModel('say so far\nfail error\nsay never');
    expect(text).toBe('so far');
    expect(thrown).toBeNull();
    expect(parts.find(({ type }) => type === 'error')).toMatchObject({
      error: { statusCode: 500, isRetryable: true },
    });
    expect(await result.finishReason).toBe('error');
  });

  test('fail cut breaks the connection with the text still open', async () => {
    const { text, types, thrown } = await askDemoModel('say so far\nfail cut');
    expect(text).toBe('so far');
    expect(types).not.toContain('text-end');
    expect(thrown).toMatchObject({ name: 'TypeError', message: 'terminated' });
  });

  test('fail interrupted ends without a finish', async () => {
    const { text, result } = await askDemoModel('say so far\nfail interrupted');
    expect(text).toBe('so far');
    expect(await result.finishReason).toBe('other');
    expect((await result.usage).totalTokens).toBeUndefined();
    const empty = await askDemoModel('fail interrupted');
    expect(empty.parts.map((part) => part.type === 'error' && part.error)).toEqual([
      expect.any(NoOutputGeneratedError),
    ]);
  });

  test.each([
    ['http-429', 429, { 'retry-after-ms': '50' }],
    ['http-500', 500, {}],
  ])('fail %s refuses the request before anything is streamed', async (kind, statusCode, responseHeaders) => {
    const { parts } = await askDemoModel(`say first\nfail ${kind}`);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toMatchObject({
      type: 'error',
      error: { statusCode, responseHeaders, isRetryable: true },
    });
    expect(parts[0]?.type === 'error' && APICallError.isInstance(parts[0].error)).toBe(true);
  });

  test('fail KIND N fails the first N times that this history is asked', async () => {
    const model = createDemoModel();
    const outcome = async (script: string) => (await askDemoModel(script, { model })).types.at(-1);
    const script = 'fail http-429 1\nfail error 2\nsay ok';
    expect(await outcome(script)).toBe('error');
    expect((await askDemoModel(script, { model })).types).toContain('error');
    expect((await askDemoModel(script, { model })).text).toBe('ok');
    expect(await outcome(`${script} again`)).toBe('error');
    expect((await askDemoModel('fail http-429 2\nsay ok', { maxRetries: 2 })).text).toBe('ok');
  });

  test('finish and usage are reported', async () => {
    const { result } = await askDemoModel('say cut sho\nfinish length\nusage 100 7');
    expect(await result.finishReason).toBe('length');
    expect(await result.usage).toMatchObject({ inputTokens: 100, outputTokens: 7, totalTokens: 107 });
  });

  test('words are counted where no usage is given', async () => {
    const { result } = await askDemoModel('think one two\nsay three');
    expect(await result.usage).toMatchObject({
      inputTokens: 5,
      outputTokens: 3,
      outputTokenDetails: { reasoningTokens: 2, textTokens: 1 },
    });
  });

  test('a message without a directive gets to know what it talks to', async () => {
    const { text, result } = await askDemoModel('Hello! Who are you?');
    expect(text).toMatch(/demo model .* not an AI/);
    for (const directive of ['say', 'stream', 'think', 'call', 'fail', 'hang', 'finish', 'usage', '---']) {
      expect(text).toContain(directive);
    }
    expect(await result.finishReason).toBe('stop');
  });
});

describe('an abort', () => {
  test.each(['say so far\nhang', 'say so far\nstream 1000 1000', 'hang'])(
    'stops %j at once',
    async (script) => {
      const controller = new AbortController();
      const startedAt = performance.now();
      setTimeout(() => controller.abort(new Error('enough')), 50);
      const { types, result } = await askDemoModel(script, { abortSignal: controller.signal });
      expect(types.at(-1)).toBe('abort');
      await expect(result.finishReason).rejects.toThrow('enough');
      expect(performance.now() - startedAt).toBeLessThan(900);
    },
  );

  test('rejects with the reason of the signal', async () => {
    const reason = { any: 'thing' };
    const aborted = AbortSignal.abort(reason);
    await expect(createDemoModel().doStream({ prompt: user('say a'), abortSignal: aborted })).rejects.toBe(
      reason,
    );
    const controller = new AbortController();
    const { stream } = await createDemoModel().doStream({
      prompt: user('hang'),
      abortSignal: controller.signal,
    });
    const reading = collect(stream);
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  test('a reader who goes away ends the turn', async () => {
    const { stream } = await createDemoModel().doStream({ prompt: user('stream 3 3600000') });
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });
});

test('the same prompt gives the same parts', async () => {
  const prompt = user('think a b\nsay c\ncall add {"a": 1, "b": 2}\ncall add {"a": 1, "b": 2}\nstream 3 1');
  const [first, second] = await Promise.all(
    [createDemoModel(), createDemoModel()].map(async (model) =>
      collect((await model.doStream({ prompt })).stream),
    ),
  );
  expect(first).toEqual(second);
});

test('generateText gets the same turn in one piece', async () => {
  const { content, finishReason } = await generateText({
    model: createDemoModel(),
    prompt: 'think a b\nsay c d\ncall get_time {}',
    tools,
  });
  expect(content.map(({ type }) => type)).toEqual(['reasoning', 'text', 'tool-call']);
  expect(finishReason).toBe('tool-calls');
  const cut = generateText({ model: createDemoModel(), prompt: 'say a\nfail cut', maxRetries: 0 });
  await expect(cut).rejects.toThrow('terminated');
});

function user(text: string): LanguageModelV4Prompt {
  return [{ role: 'user', content: [{ type: 'text', text }] }];
}

async function collect(
  stream: ReadableStream<LanguageModelV4StreamPart>,
): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}
