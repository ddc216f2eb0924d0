import { Chat } from '@ai-sdk/react';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage } from 'ai';
import {
  type ChatTransportOptions,
  createOutlastClient,
  OutlastChatTransport,
} from '../../packages/client/src/index.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { HURRIED } from './hurried.ts';

const SCRIPT = 'think hm\nsay one moment\ncall lookup_order {"orderId":"o1"}\n---\nsay that is all';
const ASKING =
  'say wait\ncall refund_order {"orderId":"o1","amount":5}\ncall refund_order {"orderId":"o2","amount":6}\n---\nsay refunded';

let server: TestServer;
let proxy: CuttingProxy;
let chats = 0;

const newId = () => `chat-${process.pid}-${chats++}`;
const client = () => createOutlastClient({ baseUrl: server.url });

function newChat(id: string, options: ChatTransportOptions = {}, messages: UIMessage[] = []) {
  const transport = new OutlastChatTransport({
    baseUrl: proxy.url,
    agentId: 'operator',
    environment: HURRIED,
    ...options,
  });
  const chat = new Chat({
    id,
    messages,
    transport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  return { chat, transport };
}

/** As it comes over the wire: without fields that are undefined. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
const partsOf = (messages: readonly { id: string; role: string; parts: unknown[] }[]) =>
  plain(messages.map(({ id, role, parts }) => ({ id, role, parts })));

async function storedParts(id: string) {
  return partsOf((await client().threads.messages(id)).data);
}

beforeAll(async () => {
  server = await startServer();
  proxy = await openCuttingProxy(server.url);
});
beforeEach(() => {
  proxy.fates = [];
  proxy.streams.length = 0;
  proxy.bodies.length = 0;
});
afterAll(async () => {
  await proxy.close();
  await server.dispose();
});

describe('OutlastChatTransport', () => {
  test('brings the answer whole, wherever the stream is cut', async () => {
    for (let cutAfter = 0; ; cutAfter++) {
      const id = newId();
      proxy.fates = [{ cutAfter }];
      proxy.streams.length = 0;
      const { chat } = newChat(id);
      await chat.sendMessage({ text: SCRIPT });
      expect([cutAfter, chat.status, chat.error]).toEqual([cutAfter, 'ready', undefined]);
      expect([cutAfter, partsOf(chat.messages)]).toEqual([cutAfter, await storedParts(id)]);
      expect(proxy.streams.filter((each) => each.startsWith('POST'))).toHaveLength(1);
      if (proxy.streams.length === 1) break;
    }
    expect(chats).toBeGreaterThan(15);
  }, 60_000);

  test('goes on after the answers to approvals, wherever that is cut', async () => {
    for (let cutAfter = 0; ; cutAfter++) {
      const id = newId();
      const { chat } = newChat(id);
      await chat.sendMessage({ text: ASKING });
      const asked = chat.messages[1]?.parts.flatMap((part) =>
        'approval' in part && part.state === 'approval-requested' ? [part.approval.id] : [],
      );
      expect(asked).toHaveLength(2);
      proxy.fates = [{ cutAfter }];
      proxy.streams.length = 0;
      await chat.addToolApprovalResponse({ id: asked?.[0] ?? '', approved: true });
      await chat.addToolApprovalResponse({ id: asked?.[1] ?? '', approved: false, reason: 'too much' });
      await waitFor(() => chat.status === 'ready' && JSON.stringify(chat.lastMessage).includes('refunded'), {
        describe: () => `the end after ${cutAfter}: ${chat.status} ${JSON.stringify(chat.lastMessage)}`,
      });
      expect([cutAfter, partsOf(chat.messages)]).toEqual([cutAfter, await storedParts(id)]);
      expect(proxy.streams.filter((each) => each.startsWith('POST'))).toHaveLength(1);
      if (proxy.streams.length === 1) break;
    }
  }, 120_000);

  test('resumes after a reload, wherever that is cut, without a second message', async () => {
    const id = newId();
    const { chat: first } = newChat(id);
    void first.sendMessage({ text: 'say a b\ncall slow_report {"seconds":3,"name":"r"}\n---\nsay end' });
    await waitFor(
      async () =>
        (
          await client()
            .threads.messages(id)
            .catch(() => undefined)
        )?.data.length === 2,
      {
        describe: 'the answer to begin',
      },
    );
    const histories = ['true', 'false'].map(async (omit) => {
      const page = await client().threads.messages(id, { omitActive: omit === 'true' });
      return page.data as unknown as UIMessage[];
    });
    const loaded = await Promise.all(histories);
    const reloads = [0, 1, 2, 3, 5, 8, 12].flatMap((cutAfter) =>
      loaded.map(async (messages) => {
        proxy.fates.push({ cutAfter });
        const { chat } = newChat(id, {}, structuredClone(messages));
        await chat.resumeStream();
        return chat;
      }),
    );
    for (const chat of await Promise.all(reloads)) {
      expect(chat.status).toBe('ready');
      expect(partsOf(chat.messages)).toEqual(await storedParts(id));
    }
    const late = newChat(newId()).chat;
    await late.resumeStream();
    expect([late.status, late.messages]).toEqual(['ready', []]);
  }, 60_000);

  test('sends once what got no answer', async () => {
    const id = newId();
    proxy.fates = [{ cutAfter: 'request' }, { status: 503, body: { code: 'draining' } }];
    const { chat } = newChat(id);
    await chat.sendMessage({ text: 'say once' });
    expect(proxy.streams).toEqual(['POST /api/chat', 'POST /api/chat', 'POST /api/chat']);
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
    const executions = async () => (await client().executions.list({ threadId: id })).data.length;
    expect(await executions()).toBe(1);
    proxy.fates = [{ cutAfter: 'request' }];
    await chat.regenerate();
    expect([chat.status, await executions()]).toEqual(['ready', 2]);
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
  });

  test('reads on over the death and the restart of the server', async () => {
    const id = newId();
    const { chat } = newChat(id);
    const sent = chat.sendMessage({ text: 'stream 50 20' });
    const begun = () => chat.messages[1]?.parts.some(({ type }) => type === 'text');
    await waitFor(begun, { describe: 'some words' });
    await server.kill();
    await server.start();
    await sent;
    expect([chat.status, chat.messages.length]).toEqual(['ready', 2]);
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
  }, 60_000);

  test('sends only what is new', async () => {
    const { chat } = newChat(newId());
    await chat.sendMessage({ text: 'say first' });
    await chat.sendMessage({ text: 'say second' });
    const bodies = proxy.bodies as { messages: UIMessage[]; agentId: string }[];
    expect(bodies.map(({ messages }) => messages.length)).toEqual([1, 1]);
    expect(bodies[1]).toMatchObject({ agentId: 'operator', messages: [{ parts: [{ text: 'say second' }] }] });
  });

  test('answers again, and takes an edited message', async () => {
    const id = newId();
    const { chat } = newChat(id);
    await chat.sendMessage({ text: SCRIPT });
    await chat.sendMessage({ text: 'say second' });
    const before = chat.lastMessage?.id;
    await chat.regenerate();
    expect(chat.lastMessage?.id).not.toBe(before);
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
    await chat.regenerate({ messageId: chat.messages[1]?.id ?? '' });
    expect(chat.messages).toHaveLength(2);
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
    await chat.sendMessage({ text: 'say edited', messageId: chat.messages[0]?.id ?? '' });
    expect(JSON.stringify(chat.messages)).toContain('edited');
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
  });

  test('fails with what the server says', async () => {
    const { chat } = newChat(newId(), { agentId: 'nobody' });
    await chat.sendMessage({ text: 'say hi' });
    expect([chat.status, chat.error]).toMatchObject(['error', { code: 'agent-not-found' }]);
  });

  test('leaves the execution alone when reading is aborted', async () => {
    const id = newId();
    const { chat } = newChat(id);
    const sent = chat.sendMessage({ text: 'stream 30 20' });
    await waitFor(() => chat.status === 'streaming', { describe: 'the answer' });
    await chat.stop();
    await sent;
    const [execution] = (await client().executions.list({ threadId: id })).data;
    expect((await client().executions.wait(execution?.id ?? '')).status).toBe('completed');
  });

  test('stops the execution when told to, and has the end as it is stored', async () => {
    const id = newId();
    const { chat, transport } = newChat(id);
    const sent = chat.sendMessage({ text: 'stream 1000 20' });
    await waitFor(() => chat.lastMessage?.role === 'assistant' && chat.lastMessage.parts.length > 1, {
      describe: 'some words',
    });
    await transport.stop(id);
    await sent;
    expect(chat.status).toBe('ready');
    const [execution] = (await client().executions.list({ threadId: id })).data;
    expect(execution?.status).toBe('cancelled');
    expect(partsOf(chat.messages)).toEqual(await storedParts(id));
  });

  test('stops the execution at every abort, for who wants that', async () => {
    const id = newId();
    const { chat } = newChat(id, { cancelOnAbort: true });
    const sent = chat.sendMessage({ text: 'stream 1000 20' });
    await waitFor(() => chat.status === 'streaming', { describe: 'the answer' });
    await chat.stop();
    await sent;
    const [execution] = (await client().executions.list({ threadId: id })).data;
    await waitFor(async () => (await client().executions.get(execution?.id ?? '')).status === 'cancelled', {
      describe: 'the cancel',
    });
  });
});
