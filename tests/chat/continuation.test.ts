import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { foldChunks } from '../../src/chunks/fold.ts';
import { ask } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type ChatAnswer, postChat, resumeChat, userMessage } from './post-chat.ts';

const REFUND = 'say one moment\ncall refund_order {"orderId":"o1","amount":5}';
const TWO = 'call refund_order {"orderId":"a","amount":1}\ncall refund_order {"orderId":"b","amount":2}';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.dispose());

let chats = 0;
/** A chat whose answer waits for a person. */
async function waiting(script = REFUND) {
  chats += 1;
  const id = `chat-${chats}`;
  const question = userMessage(`q-${chats}`, script);
  const asked = await postChat(server.url, { id, messages: [question] });
  const message = await messageOf(asked);
  return { id, question, asked, message, lastSeq: Number(asked.events.at(-3)?.id) };
}

async function messageOf({ chunks }: ChatAnswer) {
  return foldChunks(chunks as never, String(chunks[0]?.['messageId']));
}

type Waiting = Awaited<ReturnType<typeof waiting>>;
type Answers = Record<string, { approved: boolean; reason?: string }>;

/** The message as `addToolApprovalResponse` leaves it. */
function answered({ message }: Waiting, answers: Answers) {
  const parts = message.parts.map((part) => {
    if (!('approval' in part) || part.state !== 'approval-requested') return part;
    const answer = answers[part.toolCallId];
    if (answer === undefined) return part;
    return { ...part, state: 'approval-responded', approval: { ...part.approval, ...answer } };
  });
  return { ...message, parts };
}

function send(chat: Waiting, answers: Answers) {
  const message = answered(chat, answers);
  return postChat(server.url, { id: chat.id, messages: [chat.question, message], messageId: message.id });
}

const callsOf = ({ message }: Waiting) =>
  message.parts.flatMap((part) => ('toolCallId' in part ? [part.toolCallId] : []));
const yes = (chat: Waiting) =>
  Object.fromEntries(callsOf(chat).map((call) => [call, { approved: true }])) as Answers;

describe('a chat whose answer waits for a person', () => {
  test('ends its stream with an un-numbered finish that clients act on', async () => {
    const { asked, message } = await waiting();
    expect(asked.status).toBe(200);
    expect(asked.events.slice(-2)).toEqual([
      { id: undefined, data: '{"type":"finish","finishReason":"tool-calls"}' },
      { id: undefined, data: '[DONE]' },
    ]);
    expect(message.parts.at(-1)).toMatchObject({ state: 'approval-requested' });
  });

  test('goes on after the answer with the rows that the client has not', async () => {
    const chat = await waiting();
    const continued = await send(chat, yes(chat));
    expect(continued.status).toBe(200);
    expect(continued.run).toBe(`${chat.asked.run}~${chat.lastSeq}`);
    expect(continued.events[0]).toEqual({
      id: undefined,
      data: JSON.stringify({
        type: 'start',
        messageId: chat.message.id,
        messageMetadata: { executionId: chat.asked.run },
      }),
    });
    const ids = continued.events.slice(1, -1).map(({ id }) => Number(id));
    expect(ids).toEqual(ids.map((_, i) => chat.lastSeq + 1 + i));
    expect(continued.chunks.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' });
    expect(continued.chunks[1]).toMatchObject({ type: 'tool-approval-response', approved: true });
  });

  test('gives the same rows again when the same is sent again', async () => {
    const chat = await waiting();
    const first = await send(chat, yes(chat));
    const again = await send(chat, yes(chat));
    expect([again.status, again.run]).toEqual([200, first.run]);
    expect(again.events).toEqual(first.events);
  });

  test('answers a decision that comes too late with the one that counts', async () => {
    const chat = await waiting();
    const [toolCallId = ''] = callsOf(chat);
    const path = `/executions/${chat.asked.run}/approvals/${toolCallId}`;
    await ask(server.url, path, { body: { approved: false, reason: 'too much' } });
    const late = await send(chat, yes(chat));
    expect(late.status).toBe(200);
    expect(late.chunks[1]).toMatchObject({
      type: 'tool-approval-response',
      approved: false,
      reason: 'too much',
    });
    expect(late.chunks[2]).toMatchObject({ type: 'tool-output-denied', toolCallId });
  });

  test('tells the model the reason of a denial', async () => {
    const chat = await waiting();
    const [call = ''] = callsOf(chat);
    const continued = await send(chat, { [call]: { approved: false, reason: 'not today' } });
    const text = continued.chunks.map(({ delta }) => (typeof delta === 'string' ? delta : '')).join('');
    expect(text).toContain('{"denied":"not today"}');
  });

  test('waits on while only one of two calls is answered, and then has both answers', async () => {
    const chat = await waiting(TWO);
    const [a = '', b = ''] = callsOf(chat);
    const half = await send(chat, { [a]: { approved: true } });
    expect(half.chunks.map(({ type }) => type)).toEqual(['start', 'tool-approval-response', 'finish']);
    expect(half.chunks.at(-1)).toEqual({ type: 'finish', finishReason: 'tool-calls' });
    const whole = await send(chat, { [a]: { approved: true }, [b]: { approved: true } });
    const ids = whole.events.slice(1, -1).map(({ id }) => Number(id));
    expect(ids).toEqual(ids.map((_, i) => chat.lastSeq + 1 + i));
    expect(whole.chunks.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' });
  });

  test('takes the answer to a question as the output of its call', async () => {
    const chat = await waiting('call ask_person {"question":"Which?"}');
    const parts = chat.message.parts.map((part) =>
      'toolCallId' in part ? { ...part, state: 'output-available', output: { answer: 'red' } } : part,
    );
    const message = { ...chat.message, parts };
    const continued = await postChat(server.url, {
      id: chat.id,
      messages: [chat.question, message],
      messageId: message.id,
    });
    expect(continued.chunks[1]).toMatchObject({ type: 'tool-output-available', output: { answer: 'red' } });
    expect(continued.chunks.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' });
  });

  test('never reads the input that a client sends', async () => {
    const chat = await waiting();
    const message = answered(chat, yes(chat));
    const forged = message.parts.map((part) =>
      'toolCallId' in part ? { ...part, input: { orderId: 'o1', amount: 5_000 } } : part,
    );
    const continued = await postChat(server.url, {
      id: chat.id,
      messages: [chat.question, { ...message, parts: forged }],
      messageId: message.id,
    });
    const output = continued.chunks.find(({ type }) => type === 'tool-output-available');
    expect(output).toMatchObject({ output: { refunded: 5 } });
  });

  test('is resumed by its run: index 0 is the start, index i the row at base + i', async () => {
    const chat = await waiting();
    const continued = await send(chat, yes(chat));
    const tail = Number(
      (await resumeChat(server.url, continued.run)).headers['x-workflow-stream-tail-index'],
    );
    expect(tail).toBe(continued.chunks.length - 1);
    for (let i = 0; i < continued.events.length - 1; i += 1) {
      const resumed = await resumeChat(server.url, continued.run, `?startIndex=${i}`);
      expect(resumed.events).toEqual(continued.events.slice(i));
    }
    const last = await resumeChat(server.url, continued.run, '?startIndex=-1');
    expect(last.events).toEqual(continued.events.slice(-2));
    const beyond = await resumeChat(server.url, continued.run, `?startIndex=${continued.chunks.length + 1}`);
    expect(beyond.json()).toMatchObject({ status: 400, code: 'bad-cursor' });
  });

  test.each([
    ['an answer', 'call ask_person {"question":"Which?"}', { state: 'output-available', output: 'red' }],
    [
      'a consent that it does not know',
      REFUND,
      { state: 'approval-responded', approval: { id: 'elsewhere', approved: true } },
    ],
  ])('does not take %s to the call of another message for one to its own', async (_, script, answer) => {
    const chat = await waiting(script);
    // As of a model that calls the first call of each message the same.
    const db = new pg.Client(server.databaseUrl);
    await db.connect();
    for (const table of ['approvals', 'tool_calls']) {
      await db.query(`UPDATE outlast.${table} SET tool_call_id = 'call_0' WHERE execution_id = $1`, [
        chat.asked.run,
      ]);
    }
    await db.end();
    const parts = [{ type: 'tool-x', toolCallId: 'call_0', input: {}, ...answer }];
    const earlier = { id: 'earlier', role: 'assistant', parts };
    await postChat(server.url, {
      id: chat.id,
      messages: [earlier, chat.question, chat.message, userMessage(`${chat.id}-next`, 'say next')],
    });
    const asked = (await ask(server.url, `/approvals?executionId=${chat.asked.run}&status=cancelled`)).json();
    expect(asked.data).toMatchObject([{ toolCallId: 'call_0', status: 'cancelled' }]);
  });

  test('is not decided by the owner of another thread', async () => {
    const chat = await waiting();
    const message = answered(chat, yes(chat));
    const other = await postChat(server.url, {
      id: 'elsewhere',
      messages: [chat.question, message],
      messageId: message.id,
    });
    expect(other.headers['x-execution-id']).not.toBe(chat.asked.run);
    const execution = await ask(server.url, `/executions/${chat.asked.run}`);
    expect(execution.json()).toMatchObject({ status: 'suspended' });
  });
});
