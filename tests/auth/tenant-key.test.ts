import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ask } from '../http/client.ts';
import { asUser } from './tokens.ts';
import { type AuthWorld, settled, startAs, startAuthWorld, startRefundAs } from './world.ts';

const ANN = asUser();
const BOB = asUser({ sub: 'bob' });
let world: AuthWorld;
let url: string;
let key: { id: string; headers: { 'x-api-key': string } };

beforeAll(async () => {
  world = await startAuthWorld();
  url = world.server.url;
  key = await world.makeKey({ scopes: ['executions:write', 'approvals:decide'] });
});
afterAll(() => world.dispose());

const get = (path: string, headers: Record<string, string>) => ask(url, path, { headers });

test('a key without an owner sees what all users of its tenant have, and nothing of other tenants', async () => {
  const anns = await startAs(url, ANN, { input: 'say hello', threadId: 'seen' });
  const bobs = await startAs(url, BOB, { input: 'say hello', threadId: 'seen-too' });
  const foreign = await startAs(url, asUser({ org: 'globex' }), { input: 'say hello', threadId: 'unseen' });
  const executions = (await get('/executions', key.headers)).json().data.map(({ id }) => id);
  expect(executions).toEqual(expect.arrayContaining([anns.id, bobs.id]));
  expect(executions).not.toContain(foreign.id);
  const threads = (await get('/threads', key.headers)).json().data.map(({ id }) => id);
  expect(threads).toEqual(expect.arrayContaining(['seen', 'seen-too']));
  expect(threads).not.toContain('unseen');
  expect((await get('/threads/seen/messages', key.headers)).status).toBe(200);
  for (const path of ['/threads/unseen', `/executions/${foreign.id}`, `/executions/${foreign.id}/stream`]) {
    expect((await get(path, key.headers)).status).toBe(404);
  }
});

test('what it starts by itself is its own, and users do not see it', async () => {
  const own = await startAs(url, key.headers, { input: 'say hello', threadId: 'of-the-key' });
  expect((await get(`/executions/${own.id}`, ANN)).status).toBe(404);
  const { rows } = await world.db.pool.query(
    'SELECT owner_id FROM outlast.workflow_executions WHERE id = $1',
    [own.id],
  );
  expect(rows).toEqual([{ owner_id: `key:${key.id}` }]);
});

test('what it adds to a user’s thread is that user’s', async () => {
  await settled(url, ANN, (await startAs(url, ANN, { input: 'say one', threadId: 'shared' })).id);
  const added = await startAs(url, key.headers, { input: 'say two', threadId: 'shared' });
  expect(await settled(url, ANN, added.id)).toMatchObject({ ordinal: 2, status: 'completed' });
  expect((await get('/threads/shared/messages', ANN)).json().data).toHaveLength(4);
  expect((await get('/threads/shared', BOB)).status).toBe(404);
  const retried = await ask(url, `/threads/shared/messages/${String(added['messageId'])}/regenerate`, {
    method: 'POST',
    headers: key.headers,
  });
  expect(retried.status).toBe(202);
  const again = retried.json()['execution'] as { id: string };
  expect((await get(`/executions/${again.id}`, ANN)).status).toBe(200);
});

test('an id that several users have leads to its own thread, else to none; executions lead to each', async () => {
  const anns = await startAs(url, ANN, { input: 'say hello', threadId: 'twice' });
  expect((await get('/threads/twice', key.headers)).status).toBe(200);
  const bobs = await startAs(url, BOB, { input: 'say hello', threadId: 'twice' });
  for (const path of ['/threads/twice', '/threads/twice/messages', '/threads/twice/stream']) {
    const [absent, many] = [
      await get(path.replace('twice', 'never'), key.headers),
      await get(path, key.headers),
    ];
    expect([many.status, many.text]).toEqual([404, absent.text.replaceAll('never', 'twice')]);
  }
  expect((await get('/api/chat/twice/stream', key.headers)).status).toBe(204);
  for (const { id } of [anns, bobs]) expect((await get(`/executions/${id}`, key.headers)).status).toBe(200);
  const made = await startAs(url, key.headers, { input: 'say hello', threadId: 'twice' });
  expect(made['ordinal']).toBe(1);
  await settled(url, key.headers, made.id);
  expect((await get('/threads/twice/messages', key.headers)).json().data).toHaveLength(2);
  expect((await get('/threads/twice/messages', ANN)).json().data).toHaveLength(2);
  const deleted = await ask(url, '/threads/twice', { method: 'DELETE', headers: key.headers });
  expect(deleted.status).toBe(204);
  expect((await get('/threads/twice', ANN)).status).toBe(200);
});

test('ten requests at once for a thread that nobody has make one', async () => {
  const made = await Promise.all(
    Array.from({ length: 10 }, () =>
      startAs(url, key.headers, { input: 'say hello', threadId: 'at-once', onBusy: 'enqueue' }),
    ),
  );
  const ordinals = made.map(({ ordinal }) => Number(ordinal)).sort((a, b) => a - b);
  expect(ordinals).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('it decides what the owner of a thread may decide, and is named for it', async () => {
  const { approvalId } = await startRefundAs(url, ANN, 'refund-by-key');
  expect((await get(`/approvals/${approvalId}`, BOB)).status).toBe(404);
  const decided = await ask(url, `/approvals/${approvalId}/decision`, {
    headers: key.headers,
    body: { decision: 'deny', reason: 'no' },
  });
  expect(decided.json()).toMatchObject({ status: 'denied', decidedBy: `key:${key.id}` });
});

test('users, keys and tenants never meet in an Idempotency-Key', async () => {
  const second = await world.makeKey({ scopes: ['executions:write'] });
  const callers = [ANN, BOB, asUser({ org: 'globex' }), key.headers, second.headers];
  const made = new Set<unknown>();
  for (const headers of callers) {
    const answer = await ask(url, '/executions', {
      headers: { ...headers, 'idempotency-key': 'the same' },
      body: { agentId: 'assistant', input: 'say hello' },
    });
    expect([answer.status, answer.headers['idempotency-replayed']]).toEqual([202, undefined]);
    made.add(answer.headers['x-execution-id']);
  }
  expect(made.size).toBe(callers.length);
});

test('a chat needs one more scope to decide, and only where something is to be decided', async () => {
  const writer = await world.makeKey({ scopes: ['executions:write'], ownerId: 'ann' });
  const { executionId, approvalId } = await startRefundAs(url, ANN, 'chat-decides');
  const execution = (await get(`/executions/${executionId}`, ANN)).json();
  const approval = (await get(`/approvals/${approvalId}`, ANN)).json();
  const part = {
    type: 'tool-refund_order',
    toolCallId: approval['toolCallId'],
    state: 'approval-responded',
    input: approval['input'],
    approval: { id: approvalId, approved: false },
  };
  const body = {
    id: 'chat-decides',
    trigger: 'submit-message',
    messages: [execution['input'], { id: execution['messageId'], role: 'assistant', parts: [part] }],
  };
  const refused = await ask(url, '/api/chat', { headers: writer.headers, body });
  expect(refused.json()).toMatchObject({ status: 403, code: 'forbidden' });
  expect((await get(`/approvals/${approvalId}`, ANN)).json()).toMatchObject({ status: 'pending' });
  expect((await ask(url, '/api/chat', { headers: ANN, body })).status).toBe(200);
  expect((await ask(url, '/api/chat', { headers: writer.headers, body })).status).toBe(200);
});
