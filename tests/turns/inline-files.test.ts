import { expect, test } from '@jest/globals';
import { convertToModelMessages, type UIMessage } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { defineAgent } from 'outlast';
import type { FetchedFiles } from '../../src/files/fetch-files.ts';
import { callModel } from '../../src/turns/call-model.ts';
import { inlineFiles } from '../../src/turns/inline-files.ts';
import { TurnIds } from '../../src/turns/turn-ids.ts';

const CONTENT = Buffer.from([1, 2, 3]);
const FILES: FetchedFiles = new Map([
  ['https://files.example/a', { mediaType: 'image/webp', content: CONTENT }],
]);

/** A model that would go to every address by itself. */
function eagerModel(supportedUrls: Record<string, RegExp[]> = { '*/*': [/.*/] }) {
  return new MockLanguageModelV4({
    supportedUrls,
    doStream: async () => ({
      stream: simulateReadableStream({
        chunks: [
          {
            type: 'finish',
            finishReason: { unified: 'stop', raw: 'stop' },
            usage: { inputTokens: {}, outputTokens: {} } as never,
          },
        ],
      }),
    }),
  });
}

async function call(model: MockLanguageModelV4, messages: Awaited<ReturnType<typeof toMessages>>) {
  const agent = defineAgent({ instructions: 'Answer.' });
  return callModel({
    agent,
    limits: agent.limits,
    model,
    messages,
    ids: new TurnIds(1, new Set()),
    signal: new AbortController().signal,
    onChunk: async () => undefined,
  });
}

function toMessages(parts: UIMessage['parts']) {
  return convertToModelMessages([{ role: 'user', parts }]);
}

/** What the model is given for these parts of a user's message. */
async function given(...parts: UIMessage['parts']) {
  const model = eagerModel();
  const messages = await toMessages(parts);
  await call(
    model,
    messages.map((message) => inlineFiles(message, FILES)),
  );
  return model.doStreamCalls[0]?.prompt.at(-1)?.content;
}

test('a file that was fetched is given as its bytes, under the type that it came with', async () => {
  expect(
    await given(
      { type: 'text', text: 'look' },
      { type: 'file', mediaType: 'image/*', url: 'https://files.example/a#top', filename: 'a.webp' },
    ),
  ).toMatchObject([
    { type: 'text', text: 'look' },
    {
      type: 'file',
      mediaType: 'image/webp',
      filename: 'a.webp',
      data: { type: 'data', data: new Uint8Array(CONTENT) },
    },
  ]);
});

test.each([
  ['data:image/webp;base64,AQID', 'image/webp'],
  ['data:;base64,AQID', 'image/gif'],
  ['data:image/webp,%01%02%03', 'image/webp'],
])('a file in %s is given as its bytes', async (url, mediaType) => {
  expect(await given({ type: 'file', mediaType: 'image/gif', url })).toMatchObject([
    { type: 'file', mediaType, data: { type: 'data', data: new Uint8Array(CONTENT) } },
  ]);
});

test('a file that is gone is told of, and nobody goes for it', async () => {
  const url = 'https://files.example/gone';
  expect(
    await given(
      { type: 'file', mediaType: 'image/png', url, filename: 'x.png' },
      { type: 'file', mediaType: 'image/png', url },
    ),
  ).toMatchObject([
    { type: 'text', text: '(The file "x.png" was attached here; it is not available any more.)' },
    { type: 'text', text: '(A file was attached here; it is not available any more.)' },
  ]);
});

test('a URL that comes as far as the model call ends it, whoever would go there', async () => {
  const url = 'https://files.example/a';
  for (const model of [eagerModel(), eagerModel({})]) {
    const calling = call(model, await toMessages([{ type: 'file', mediaType: 'image/png', url }]));
    await expect(calling).rejects.toMatchObject({
      failure: { detail: 'The prompt has a file that was not fetched', retryable: false },
    });
    expect(model.doStreamCalls).toEqual([]);
  }
});
