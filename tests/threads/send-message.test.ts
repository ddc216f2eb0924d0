import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer, ask } from '../http/client.ts';
import { withClient } from '../support/execution-record.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let servers: TestServer[];

beforeAll(async () => {
  database = await createTestDatabase();
  servers = [
    await startServer({ databaseUrl: database.url }),
    await startServer({ databaseUrl: database.url }),
  ];
});
afterAll(async () => {
  await Promise.all((servers ?? []).map((server) => server.dispose()));
  await database?.drop();
});

interface Sent {
  message: { id: string; parts: unknown[]; metadata: { executionId: string } };
  execution: { id: string; status: string; ordinal: number; inputMessageId: string };
}

const url = (n = 0) => servers[n % 2]?.url ?? '';
const send = (threadId: string, body: object, n = 0): Promise<Answer> =>
  ask(url(n), `/threads/${threadId}/messages`, { body });
const sent = (answer: Answer): Sent => answer.json() as unknown as Sent;
const get = async (path: string) => (await ask(url(), path)).json();

async function idle(threadId: string, deadlineMs = 20_000): Promise<void> {
  await waitFor(async () => (await get(`/threads/${threadId}`))['status'] === 'idle', {
    describe: `${threadId} to stand still`,
    deadlineMs,
  });
}

interface Ran {
  ordinal: number;
  status: string;
  attempt: number;
  text: string;
}

/** The executions of a thread in their order, and how many pairs of them ran at one time. */
async function ranIn(threadId: string): Promise<{ ran: Ran[]; overlaps: number }> {
  return withClient(database.url, async (client) => {
    const of = `FROM outlast.workflow_executions e JOIN outlast.threads t ON t.no = e.thread_no WHERE t.id = $1`;
    const { rows: ran } = await client.query<Ran>(
      `SELECT e.ordinal, e.status, e.attempt, e.input->'parts'->0->>'text' AS text ${of} ORDER BY e.ordinal`,
      [threadId],
    );
    const { rows } = await client.query<{ n: number }>(
      `WITH e AS (SELECT e.* ${of})
       SELECT count(*)::int AS n FROM e JOIN e AS other ON other.ordinal > e.ordinal AND other.started_at < e.finished_at`,
      [threadId],
    );
    return { ran, overlaps: rows[0]?.n ?? -1 };
  });
}

describe('a message', () => {
  test('is answered in a thread that is made for it, and shown with its execution', async () => {
    const answer = await send('made', { id: 'm1', text: 'say hello', agentId: 'assistant' });
    const { message, execution } = sent(answer);
    expect(answer.status).toBe(202);
    expect(answer.headers).toMatchObject({
      location: `/executions/${execution.id}`,
      'x-execution-id': execution.id,
    });
    expect(message).toEqual({
      id: 'm1',
      role: 'user',
      parts: [{ type: 'text', text: 'say hello' }],
      metadata: { executionId: execution.id, status: 'complete' },
    });
    expect(execution).toMatchObject({ ordinal: 1, inputMessageId: 'm1', threadId: 'made' });
    await idle('made');
    expect((await get('/threads/made/messages')).data).toHaveLength(2);
  });

  test('cannot take the id of an answer that is still to be written', async () => {
    const { execution } = sent(await send('taken', { id: 'm', text: 'hang' }));
    const { messageId } = await get(`/executions/${execution.id}`);
    const other = await send('taken', { id: messageId, text: 'say mine' });
    expect(other.json()).toMatchObject({ status: 409, code: 'message-id-reused' });
    await ask(url(), `/executions/${execution.id}/cancel`, { method: 'POST' });
    const { data } = await get('/threads/taken/messages');
    expect(data).toMatchObject([{ id: 'm' }, { id: messageId, role: 'assistant' }]);
  });

  test('sent again, whichever way it is written, gets the same execution', async () => {
    const first = sent(await send('again', { id: 'm', text: 'say once' }));
    await idle('again');
    const parts = [{ text: 'say once', type: 'text' }];
    const second = await send('again', { id: 'm', parts }, 1);
    expect(second.status).toBe(202);
    expect(sent(second)).toMatchObject({
      message: { id: 'm' },
      execution: { id: first.execution.id, status: 'completed' },
    });
    const other = await send('again', { id: 'm', text: 'say twice' });
    expect(other.json()).toMatchObject({ status: 409, code: 'message-id-reused' });
    const { data } = await get('/threads/again/messages');
    const answerId = String(data[1]?.['id']);
    expect((await send('again', { id: answerId, text: 'say once' })).json()).toMatchObject({
      code: 'message-id-reused',
    });
    expect((await ranIn('again')).ran).toHaveLength(1);
  });

  test('sent twenty times at once starts one execution', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        send('once', { id: 'm', text: 'stream 5 10', onBusy: 'reject' }, i),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map((answer) => sent(answer).execution.id)).size).toBe(1);
    await idle('once');
    expect((await ranIn('once')).ran).toMatchObject([{ status: 'completed', attempt: 1 }]);
    expect((await get('/threads/once/messages')).data).toHaveLength(2);
  });

  test('waits for those before it: a hundred at once run in order, each once, and no two at a time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => send('crowd', { id: `m${i}`, text: `say number ${i}` }, i)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await idle('crowd', 90_000);
    const { ran, overlaps } = await ranIn('crowd');
    expect(ran.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(new Set(ran.map(({ text }) => text)).size).toBe(100);
    expect(ran.every(({ status, attempt }) => status === 'completed' && attempt === 1)).toBe(true);
    expect(overlaps).toBe(0);
    // Each answer stands right after what it answers.
    const { data } = await get('/threads/crowd/messages?limit=200');
    expect(data).toHaveLength(200);
    const words = data.map((message) => JSON.stringify(message['parts']).match(/number \d+/)?.[0]);
    for (let i = 0; i < 200; i += 2) expect(words[i + 1]).toBe(words[i]);
    expect(words.filter((_, i) => i % 2 === 0)).toEqual(ran.map(({ text }) => text.slice('say '.length)));
  }, 120_000);

  test('does not wait behind a question that the user walked away from', async () => {
    const refund = 'call refund_order {"orderId":"1","amount":2}';
    const { execution } = sent(await send('left', { text: refund, agentId: 'operator' }));
    await waitFor(async () => (await get('/threads/left'))['status'] === 'suspended', {
      describe: 'the question',
    });
    const next = sent(await send('left', { text: 'say never mind' }, 1));
    await idle('left');
    expect(await get(`/executions/${execution.id}`)).toMatchObject({ status: 'cancelled' });
    expect(await get(`/executions/${next.execution.id}`)).toMatchObject({ status: 'completed' });
  });

  test.each([
    ['reject', 409],
    ['enqueue', 202],
    ['interrupt', 202],
  ])('in a busy thread is dealt with as it asks: %s', async (onBusy, status) => {
    const threadId = `busy-${onBusy}`;
    const { execution } = sent(await send(threadId, { text: 'stream 60 20' }));
    const answer = await send(threadId, { text: 'say next', onBusy }, 1);
    expect(answer.status).toBe(status);
    if (status === 409)
      expect(answer.json()).toMatchObject({ code: 'thread-busy', executionId: execution.id });
    await idle(threadId);
    const { ran } = await ranIn(threadId);
    expect(ran.map((each) => each.status)).toEqual(
      { reject: ['completed'], enqueue: ['completed', 'completed'], interrupt: ['cancelled', 'completed'] }[
        onBusy
      ],
    );
  });

  test.each([
    [{ text: 'x', threadId: 'other' }, 400, 'thread-id-mismatch'],
    [{}, 422, 'validation-failed'],
    [{ text: '' }, 422, 'validation-failed'],
    [{ text: 'x', parts: [{ type: 'text', text: 'x' }] }, 422, 'validation-failed'],
    [{ parts: [] }, 422, 'validation-failed'],
    [{ parts: [{ type: 'tool-add', text: 'x' }] }, 422, 'validation-failed'],
    [
      { parts: [{ type: 'file', mediaType: 'image/png', url: 'http://example.com/a.png' }] },
      422,
      'validation-failed',
    ],
    [{ id: 'a\u0000', text: 'x' }, 422, 'validation-failed'],
    [{ text: 'x', onBusy: 'wait' }, 422, 'validation-failed'],
    [{ text: 'x', agentId: 'nobody' }, 404, 'agent-not-found'],
  ])('that cannot be taken is refused, and makes no thread: %j', async (body, status, code) => {
    const answer = await send('refused', body);
    expect(answer.json()).toMatchObject({ status, code });
    expect((await ask(url(), '/threads/refused')).status).toBe(404);
  });

  test('under one Idempotency-Key is answered with the first answer', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const path = '/threads/keyed/messages';
    const first = await ask(url(), path, { body: { text: 'say one' }, headers });
    const second = await ask(url(1), path, { body: { text: 'say one' }, headers });
    expect(second.text).toBe(first.text);
    expect(second.headers['idempotency-replayed']).toBe('true');
  });
});

describe('editing', () => {
  test('drops what came after, ends what was running, and starts anew', async () => {
    for (const text of ['say one', 'say two']) {
      await send('edited', { id: text.slice(4), text });
      await idle('edited');
    }
    const running = sent(await send('edited', { id: 'three', text: 'stream 2000 10' })).execution;
    const waiting = sent(await send('edited', { id: 'four', text: 'say four' })).execution;
    await waitFor(async () => Number((await get(`/executions/${running.id}`))['lastSeq']) > 5, {
      describe: 'rows',
    });
    const before = await get('/threads/edited/messages');
    const answer = await ask(url(1), '/threads/edited/messages/two', {
      method: 'PUT',
      body: { text: 'say edited' },
    });
    expect(answer.status).toBe(202);
    const { message, execution } = sent(answer);
    expect(message).toMatchObject({ id: 'two', metadata: { executionId: execution.id } });
    expect(execution).toMatchObject({ ordinal: 5, inputMessageId: 'two' });
    for (const { id } of [running, waiting])
      expect(await get(`/executions/${id}`)).toMatchObject({ status: 'cancelled' });
    const { lastSeq } = await get(`/executions/${running.id}`);
    await idle('edited');
    const { data } = await get('/threads/edited/messages');
    expect(data.map((each) => each['id']).slice(0, 3)).toEqual(['one', before.data[1]?.['id'], 'two']);
    expect(data).toHaveLength(4);
    expect(JSON.stringify(data[3]?.['parts'])).toContain('edited');
    // What ran can write nothing any more, and its log is still there.
    expect(await get(`/executions/${running.id}`)).toMatchObject({ status: 'cancelled', lastSeq });
    const log = await get(`/executions/${running.id}/chunks?limit=5000`);
    expect(log.data.at(-1)).toMatchObject({ seq: lastSeq, chunk: { type: 'abort' } });
    const gone = await ask(url(), `/threads/edited/messages/three`);
    expect(gone.status).toBe(404);
  });

  test('of a message that still waits leaves what comes before it alone', async () => {
    const running = sent(await send('waits', { id: 'a', text: 'stream 100 10' })).execution;
    const waiting = sent(await send('waits', { id: 'b', text: 'say b' })).execution;
    const answer = await ask(url(), '/threads/waits/messages/b', {
      method: 'PUT',
      body: { text: 'say better' },
    });
    expect(sent(answer).execution).toMatchObject({ status: 'queued', segment: 0, blockedBy: running.id });
    await idle('waits');
    expect(await get(`/executions/${running.id}`)).toMatchObject({ status: 'completed' });
    expect(await get(`/executions/${waiting.id}`)).toMatchObject({ status: 'cancelled' });
    const { data } = await get('/threads/waits/messages');
    expect(data).toHaveLength(4);
    expect(JSON.stringify(data)).toContain('better');
  });

  test('is for messages of users that are there', async () => {
    await send('only', { id: 'a', text: 'say a' });
    await idle('only');
    const { data } = await get('/threads/only/messages');
    const path = (id: unknown) => `/threads/only/messages/${String(id)}`;
    const put = async (at: string) => (await ask(url(), at, { method: 'PUT', body: { text: 'x' } })).json();
    expect(await put(path(data[1]?.['id']))).toMatchObject({ status: 409, code: 'message-not-editable' });
    expect(await put(path('none'))).toMatchObject({ status: 404, code: 'not-found' });
    expect(await put('/threads/none/messages/a')).toMatchObject({ status: 404, code: 'not-found' });
    expect((await get('/threads/only/messages')).data).toEqual(data);
  });

  test('twenty times at once leaves one answer, to the last', async () => {
    await send('storm', { id: 'a', text: 'say a' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(url(i), '/threads/storm/messages/a', { method: 'PUT', body: { text: `say edit ${i}` } }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await idle('storm');
    const { data } = await get('/threads/storm/messages');
    expect(data).toHaveLength(2);
    const last = Math.max(...answers.map((answer) => sent(answer).execution.ordinal));
    expect(last).toBe(21);
    const { ran, overlaps } = await ranIn('storm');
    expect(JSON.stringify(data[1]?.['parts'])).toContain(ran.at(-1)?.text.slice('say '.length));
    expect([ran.at(-1)?.status, overlaps]).toEqual(['completed', 0]);
  });
});

describe('regenerating', () => {
  test.each(['answer', 'question'])('replaces the answer, by the id of the %s', async (by) => {
    const threadId = `regenerated-${by}`;
    const first = sent(await send(threadId, { id: 'q', text: 'say hi' }));
    await idle(threadId);
    await send(threadId, { id: 'later', text: 'say later' });
    await idle(threadId);
    const { data: before } = await get(`/threads/${threadId}/messages`);
    const id = by === 'answer' ? String(before[1]?.['id']) : 'q';
    const path = `/threads/${threadId}/messages/${id}/regenerate`;
    const answer = await ask(url(1), path, { method: 'POST' });
    expect(answer.status).toBe(202);
    expect(sent(answer)).toMatchObject({
      message: { id: 'q' },
      execution: { inputMessageId: 'q', ordinal: 3 },
    });
    await idle(threadId);
    const { data } = await get(`/threads/${threadId}/messages`);
    expect(data).toHaveLength(2);
    expect(data[0]).toEqual(before[0]);
    expect(data[1]?.['id']).not.toBe(before[1]?.['id']);
    expect(await get(`/executions/${first.execution.id}`)).toMatchObject({ status: 'completed' });
    // The answer that was dropped is not there to be dropped again.
    const again = await ask(url(), `/threads/${threadId}/messages/${String(before[1]?.['id'])}/regenerate`, {
      method: 'POST',
    });
    expect(again.status).toBe(404);
  });

  test('an answer that is still being written ends it', async () => {
    const { execution } = sent(await send('writing', { id: 'q', text: 'stream 2000 10' }));
    await waitFor(async () => Number((await get(`/executions/${execution.id}`))['lastSeq']) > 3, {
      describe: 'rows',
    });
    const { data } = await get('/threads/writing/messages');
    const id = String(data[1]?.['id']);
    const answer = await ask(url(1), `/threads/writing/messages/${id}/regenerate`, { body: {} });
    expect(answer.status).toBe(202);
    expect(await get(`/executions/${execution.id}`)).toMatchObject({ status: 'cancelled' });
    await ask(url(), '/threads/writing', { method: 'DELETE' });
  });
});
