import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { startServer, type TestServer } from '../support/server.ts';
import { type Answer, ask, run } from './client.ts';
import { parseEvents } from './sse.ts';

const SCRIPT = [
  'say first',
  'call add {"a":1,"b":2}',
  '---',
  'say second',
  'call add {"a":3,"b":4}',
  '---',
  'say third',
].join('\n');

let server: TestServer;
let original: Record<string, unknown> & { id: string };
beforeAll(async () => {
  server = await startServer();
  await run(server.url, { threadId: 'origin', input: 'say before' });
  original = await run(server.url, { threadId: 'origin', input: SCRIPT });
});
afterAll(() => server.dispose());

const fork = (id: string, body: unknown, headers = {}): Promise<Answer> =>
  ask(server.url, `/executions/${id}/fork`, { body, headers });
const read = async (path: string) => (await ask(server.url, path)).json();
const messagesOf = async (thread: unknown) => (await read(`/threads/${String(thread)}/messages`)).data;
const rowsOf = async (id: string) =>
  parseEvents((await ask(server.url, `/executions/${id}/stream`)).text).slice(0, -1);
const textsOf = (message: Record<string, unknown> = {}) =>
  (message['parts'] as { type: string; text?: string }[]).flatMap(({ text }) => text ?? []);

async function forked(fromTurn: number) {
  const accepted = await fork(original.id, { fromTurn });
  expect(accepted.status).toBe(202);
  const { id } = accepted.json()['execution'] as { id: string };
  return { id, execution: await read(`/executions/${id}/wait`) };
}

test.each([1, 2, 3])('a fork from turn %i goes on from there to the same end', async (fromTurn) => {
  const { id, execution } = await forked(fromTurn);
  expect(execution).toMatchObject({
    status: 'completed',
    ordinal: original['ordinal'],
    input: original['input'],
  });
  expect(execution['threadId']).not.toBe('origin');
  const answer = (await messagesOf(execution['threadId'])).at(-1);
  expect(textsOf(answer)).toEqual(['first', 'second', 'third']);
  const rows = await rowsOf(id);
  expect(rows.map((row) => row.id)).toEqual(rows.map((_, i) => String(i + 1)));
  expect(JSON.parse(rows[0]?.data ?? '')).toEqual({
    type: 'start',
    messageId: execution['messageId'],
    messageMetadata: { executionId: id },
  });
  const turns = (await read(`/executions/${id}/timeline`)).data.filter(({ kind }) => kind === 'turn');
  expect(turns).toHaveLength(3);
});

test('has the history of the original in a thread of its own, and leaves the original as it is', async () => {
  const before = [
    await read(`/executions/${original.id}`),
    await messagesOf('origin'),
    await rowsOf(original.id),
  ];
  const { execution } = await forked(1);
  const history = await messagesOf(execution['threadId']);
  const own = await messagesOf('origin');
  expect(history.slice(0, 3).map(({ id, parts }) => ({ id, parts }))).toEqual(
    own.slice(0, 3).map(({ id, parts }) => ({ id, parts })),
  );
  expect(history).toHaveLength(4);
  expect([
    await read(`/executions/${original.id}`),
    await messagesOf('origin'),
    await rowsOf(original.id),
  ]).toEqual(before);
});

test('pays only for the turns that it makes itself', async () => {
  const { execution } = await forked(2);
  const own = execution['usage'] as { totalTokens: number };
  const all = original['usage'] as { totalTokens: number };
  expect(own.totalTokens).toBeGreaterThan(0);
  expect(own.totalTokens).toBeLessThan(all.totalTokens);
});

test('goes on when another message is sent to its thread', async () => {
  const { execution } = await forked(1);
  const next = await run(server.url, { threadId: execution['threadId'], input: 'say more' });
  expect(next).toMatchObject({ status: 'completed', threadId: execution['threadId'] });
  expect(await messagesOf(execution['threadId'])).toHaveLength(6);
});

test('has its earlier answers given again, although their executions are in the thread of the original', async () => {
  const { execution } = await forked(1);
  const thread = String(execution['threadId']);
  const [question, answer] = await messagesOf(thread);
  const path = `/threads/${thread}/messages/${String(answer?.['id'])}/regenerate`;
  const again = await ask(server.url, path, { method: 'POST' });
  expect([again.status, again.json()['message']]).toMatchObject([202, { id: question?.['id'] }]);
  await read(`/executions/${String(again.headers['x-execution-id'])}/wait`);
  const after = await messagesOf(thread);
  expect(after.map(textsOf)).toEqual([['say before'], ['before']]);
});

test('takes a history of any length along', async () => {
  const { id, threadId } = (await run(server.url, { input: 'say hello' })) as Record<string, string>;
  const db = new pg.Client(server.databaseUrl);
  await db.connect();
  try {
    // Its place in the thread is as far back as if 10,000 messages came before it.
    await db.query('UPDATE outlast.workflow_executions SET ordinal = 10000 WHERE id = $1', [id]);
    await db.query(
      `WITH place AS (SELECT no FROM outlast.threads WHERE id = $1), moved AS (
         UPDATE outlast.messages m SET position = m.position + 19998 FROM place WHERE m.thread_no = place.no)
       INSERT INTO outlast.messages (thread_no, id, tenant_id, position, role, parts, status, execution_id)
       SELECT place.no, 'old-' || i, e.tenant_id, 4 + i, 'user', '[{"type":"text","text":"say old"}]', 'complete', e.id
       FROM place, outlast.workflow_executions e, generate_series(1, 10000) AS i WHERE e.id = $2`,
      [threadId, id],
    );
    const accepted = await fork(String(id), { fromTurn: 1 });
    expect([accepted.status, accepted.text]).toEqual([202, expect.any(String)]);
    const { rows } = await db.query(
      `SELECT count(*)::int AS messages FROM outlast.messages m JOIN outlast.workflow_executions e
         ON e.thread_no = m.thread_no WHERE e.id = $1 AND m.role = 'user'`,
      [accepted.headers['x-execution-id']],
    );
    expect(rows).toEqual([{ messages: 10_001 }]);
  } finally {
    await db.end();
  }
});

test('a key makes it happen once', async () => {
  const headers = { 'idempotency-key': 'fork-1' };
  const first = await fork(original.id, { fromTurn: 1 }, headers);
  const again = await fork(original.id, { fromTurn: 1 }, headers);
  expect(again.headers['x-execution-id']).toBe(first.headers['x-execution-id']);
  expect(again.headers['idempotency-replayed']).toBe('true');
});

test('a turn that is not there, or waits for a person, is no place to fork from', async () => {
  expect((await fork(original.id, { fromTurn: 4 })).json()).toMatchObject({
    status: 409,
    code: 'turn-not-finished',
  });
  const input = 'call refund_order {"orderId":"o","amount":1}';
  const waiting = await run(server.url, { agentId: 'operator', input });
  expect((await fork(waiting.id, { fromTurn: 1 })).json()).toMatchObject({ code: 'turn-not-finished' });
  expect((await fork(original.id, { fromTurn: 0 })).json()).toMatchObject({ status: 422 });
  expect((await fork(original.id, {})).json()).toMatchObject({ status: 422 });
  const nobody = '0190c0de-0000-7000-8000-000000000000';
  expect((await fork(nobody, { fromTurn: 1 })).json()).toMatchObject({ status: 404, code: 'not-found' });
});
