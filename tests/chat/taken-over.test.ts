import { Chat } from '@ai-sdk/react';
import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type ChatTransport, DefaultChatTransport, type UIMessage } from 'ai';
import type { AgentEntry } from '../../src/agents/load-agents.ts';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { ask } from '../http/client.ts';
import { append, serveAlone, setStatus, type TestHttp } from '../http/in-process.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';

const agent = { id: 'assistant', error: null, agent: null } as unknown as AgentEntry;
const FLUSH = 3;

let http: TestHttp;
let proxy: CuttingProxy;
beforeAll(async () => {
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
  http = await serveAlone({
    agents: { list: () => [agent], get: () => agent, warning: null },
    // The tests are the worker: they write the log of what is asked for, with every crash in it.
    dispatch: async (_tx, executionId) => () => void runs.push(writeLog(executionId)),
  });
  proxy = await CuttingProxy.start(http.url);
});
afterAll(async () => {
  await proxy.close();
  await http.dispose();
});

const runs: Promise<void>[] = [];

function said(kind: 'text' | 'reasoning', id: string, ...deltas: string[]): Chunk[] {
  return [
    { type: `${kind}-start`, id },
    ...deltas.map((delta): Chunk => ({ type: `${kind}-delta`, id, delta })),
    { type: `${kind}-end`, id },
  ];
}

const CALL: Chunk[] = [
  { type: 'tool-input-start', toolCallId: 'c1', toolName: 'look' },
  { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '{}' },
  { type: 'tool-input-available', toolCallId: 'c1', toolName: 'look', input: {} },
];

/** An answer whose worker died in its first turn, twice, and in its second. */
function logOf(messageId: string): Chunk[] {
  return [
    { type: 'start', messageId },
    { type: 'start-step' },
    ...said('reasoning', 't1.0', 'old ', 'thought').slice(0, -1),
    { type: 'reset-step' },
    ...said('reasoning', 't1.0', 'other'),
    ...said('text', 't1.1', 'old ').slice(0, -1),
    ...CALL.slice(0, 2),
    { type: 'reset-step' },
    ...said('reasoning', 't1.0', 'a ', 'thought'),
    ...said('text', 't1.1', 'let me ', 'look'),
    ...CALL,
    { type: 'finish-step' },
    { type: 'tool-output-available', toolCallId: 'c1', output: { found: 1 } },
    { type: 'start-step' },
    ...said('text', 't2.0', 'nearly ').slice(0, -1),
    { type: 'reset-step' },
    ...said('text', 't2.0', 'done ', 'now'),
    { type: 'finish-step' },
    { type: 'finish', finishReason: 'stop' },
  ];
}

async function writeLog(executionId: string): Promise<void> {
  const { rows } = await http.db.pool.query<{ no: string; message_id: string }>(
    'SELECT no, message_id FROM outlast.workflow_executions WHERE id = $1',
    [executionId],
  );
  const { no = '', message_id: messageId = '' } = rows[0] ?? {};
  await setStatus(http.db, executionId, "status = 'running', worker_id = 'w'");
  const log = logOf(messageId);
  for (let from = 0; from < log.length; from += FLUSH) {
    await append(http, Number(no), from + 1, log.slice(from, from + FLUSH));
  }
  const final = `status = 'completed', worker_id = NULL, finished_at = now(), last_seq = ${log.length}`;
  await setStatus(http.db, executionId, final);
}

function open(id: string, transport: ChatTransport<UIMessage>, messages: UIMessage[] = []): Chat<UIMessage> {
  return new Chat({ id, transport, messages, onError: () => undefined });
}

const stock = () => new DefaultChatTransport<UIMessage>({ api: `${proxy.url}/api/chat` });
const workflow = () =>
  new WorkflowChatTransport<UIMessage>({
    api: `${proxy.url}/api/chat`,
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId, api }) => ({
      api,
      body: { id, messages, trigger, messageId },
      headers: { 'content-type': 'application/json' },
    }),
  });

async function expectOneAnswer({ id, messages }: Chat<UIMessage>): Promise<void> {
  const [execution] = (await ask(http.url, `/executions?threadId=${id}`)).json().data;
  const answer = await foldChunks(logOf(String(execution?.['messageId'])), String(execution?.['messageId']));
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  expect(messages[1]).toMatchObject({ id: answer.id, parts: answer.parts });
}

const CUTS = Array.from({ length: logOf('m').length }, (_, k) => k);

test.each(CUTS)(
  'cut after %i rows of an answer that was taken over, a reload has it once and whole',
  async (k) => {
    const chat = open(`reload-${k}`, stock());
    proxy.cutAfter(k);
    await chat.sendMessage({ text: 'go' }).catch(() => undefined);
    const stored = (await ask(http.url, `/threads/${chat.id}/messages`)).json()
      .data as unknown as UIMessage[];
    const again = open(chat.id, stock(), stored);
    await again.resumeStream();
    await Promise.all(runs);
    await expectOneAnswer(again);
  },
);

test.each(CUTS)('cut after %i rows, the transport of Workflow goes on by itself', async (k) => {
  const chat = open(`tail-${k}`, workflow());
  const before = proxy.cuts;
  proxy.cutAfter(k);
  await chat.sendMessage({ text: 'go' });
  await Promise.all(runs);
  expect(proxy.cuts).toBe(before + 1);
  await expectOneAnswer(chat);
});
