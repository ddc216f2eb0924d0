import { Chat } from '@ai-sdk/react';
import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  type ChatTransport,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type UIMessage,
} from 'ai';
import { ask } from '../http/client.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

/** Reasoning, text, a free call and a gated one, then text about both. */
const SCRIPT = [
  'think What was it',
  'say Let me look',
  'call lookup_order {"orderId":"o1"}',
  'call refund_order {"orderId":"o1","amount":5}',
].join('\n');

let server: TestServer;
let proxy: CuttingProxy;
beforeAll(async () => {
  // The transports tell every cut to the console.
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
  server = await startServer({ env: { OUTLAST_DEFAULT_AGENT: 'operator' } });
  proxy = await CuttingProxy.start(server.url);
});
afterAll(async () => {
  await proxy.close();
  await server.dispose();
});

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

function open(id: string, transport: ChatTransport<UIMessage>, messages: UIMessage[] = []): Chat<UIMessage> {
  return new Chat({
    id,
    transport,
    messages,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    onError: () => undefined,
  });
}

async function storedMessages(id: string): Promise<UIMessage[]> {
  return (await ask(server.url, `/threads/${id}/messages`)).json().data as unknown as UIMessage[];
}

const comparable = (messages: readonly UIMessage[]) =>
  messages.map(({ id, role, parts }) => ({ id, role, parts }));

/** Approves what is asked in the last message and waits until the chat rests again. */
async function approve(chat: Chat<UIMessage>): Promise<void> {
  const part = chat.lastMessage?.parts.find((each) => 'approval' in each);
  if (part === undefined || !('approval' in part)) throw new Error('Nothing is asked');
  await chat.addToolApprovalResponse({ id: part.approval?.id ?? '', approved: true });
  await waitFor(() => chat.status === 'ready' || chat.status === 'error', { describe: 'the chat' });
}

/** As the page does after a reload: what is stored, and what is going on. */
async function reload(id: string): Promise<Chat<UIMessage>> {
  const chat = open(id, stock(), await storedMessages(id));
  await chat.resumeStream();
  return chat;
}

async function expectStored(chat: Chat<UIMessage>): Promise<void> {
  const stored = await waitFor(
    async () => {
      const messages = await storedMessages(chat.id);
      const isWhole = messages.length === 2 && messages.every(({ metadata }) => isComplete(metadata));
      return isWhole ? messages : undefined;
    },
    { describe: 'the answer' },
  );
  expect(comparable(chat.messages)).toEqual(comparable(stored));
  expect(chat.messages).toHaveLength(2);
}

const isComplete = (metadata: unknown) => (metadata as { status: string }).status === 'complete';

describe('useChat as it is', () => {
  test('sends, is asked, approves, and has the stored message', async () => {
    const chat = open('stock', stock());
    await chat.sendMessage({ text: SCRIPT });
    await approve(chat);
    await expectStored(chat);
  });

  test('denies once, and does not ask again and again', async () => {
    let posts = 0;
    const transport = stock();
    const counted: ChatTransport<UIMessage> = {
      sendMessages: (options) => {
        posts += 1;
        return transport.sendMessages(options);
      },
      reconnectToStream: (options) => transport.reconnectToStream(options),
    };
    const chat = open('denies', counted);
    await chat.sendMessage({ text: SCRIPT });
    const part = chat.lastMessage?.parts.find((each) => 'approval' in each) as { approval: { id: string } };
    await chat.addToolApprovalResponse({ id: part.approval.id, approved: false, reason: 'no' });
    await waitFor(() => chat.status === 'ready', { describe: 'the chat' });
    await expectStored(chat);
    expect(posts).toBe(2);
  });
});

/** How many events the answer to the first request has, and the one to the approval. */
async function countEvents(): Promise<[number, number]> {
  const chat = open('counted', stock());
  await chat.sendMessage({ text: SCRIPT });
  const execution = (await ask(server.url, '/executions?threadId=counted')).json().data[0] as { id: string };
  const tail = async () =>
    Number(
      (await ask(server.url, `/executions/${execution.id}/stream`, { method: 'HEAD' })).headers[
        'x-stream-tail'
      ],
    );
  const asked = await tail();
  await approve(chat);
  // The un-numbered `finish` of the first, the un-numbered `start` of the second.
  return [asked + 1, (await tail()) - asked + 1];
}

test('cut after any event and reloaded, it has one correct message', async () => {
  const [first, second] = await countEvents();
  for (let k = 0; k <= first; k += 1) {
    const chat = open(`reload-${k}`, stock());
    proxy.cutAfter(k);
    await chat.sendMessage({ text: SCRIPT }).catch(() => undefined);
    const again = await reload(chat.id);
    await approve(again);
    await expectStored(again);
  }
  for (let k = 0; k <= second; k += 1) {
    const chat = open(`approved-${k}`, stock());
    await chat.sendMessage({ text: SCRIPT });
    proxy.cutAfter(k);
    await approve(chat);
    await expectStored(await reload(chat.id));
  }
}, 120_000);

test('cut after any event, it goes on by itself with the transport of Workflow', async () => {
  const [first, second] = await countEvents();
  for (let k = 0; k < first; k += 1) {
    const chat = open(`tail-${k}`, workflow());
    const before = proxy.cuts;
    proxy.cutAfter(k);
    await chat.sendMessage({ text: SCRIPT });
    expect(proxy.cuts).toBe(before + 1);
    await approve(chat);
    await expectStored(chat);
  }
  for (let k = 0; k < second; k += 1) {
    const chat = open(`tail-approved-${k}`, workflow());
    await chat.sendMessage({ text: SCRIPT });
    const before = proxy.cuts;
    proxy.cutAfter(k);
    await approve(chat);
    expect(proxy.cuts).toBe(before + 1);
    await expectStored(chat);
  }
}, 120_000);
