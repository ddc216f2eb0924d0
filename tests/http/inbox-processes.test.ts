import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Database } from '../../src/db/database.ts';
import { withClient } from '../support/execution-record.ts';
import { InboxReader, insertApproval } from '../support/inbox.ts';
import { openPool } from '../support/log-database.ts';
import { startRefunds } from '../support/operator.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask } from './client.ts';

/* Two processes on one database: what one changes, readers of the other see. */

let database: TestDatabase;
let db: Database;
let one: TestServer;
let other: TestServer;
let readers: InboxReader[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 2);
  const options = { databaseUrl: database.url };
  [one, other] = await Promise.all([startServer(options), startServer(options)]);
});

afterEach(() => {
  for (const reader of readers) reader.close();
  readers = [];
});

afterAll(async () => {
  await one?.dispose();
  await other?.dispose();
  await db.close();
  await database.drop();
});

async function read(server: TestServer): Promise<InboxReader> {
  const reader = new InboxReader(server.url);
  readers.push(reader);
  await waitFor(() => reader.hasBegun, { describe: 'the snapshot' });
  return reader;
}

async function pendingIn(server: TestServer): Promise<number> {
  return (await ask(server.url, '/approvals?limit=200')).json().data.length;
}

const decide = (server: TestServer, id: string, body: unknown) =>
  ask(server.url, `/approvals/${id}/decision`, { body });

const assign = (server: TestServer, id: string, assignee: string) =>
  ask(server.url, `/approvals/${id}/assign`, { body: { assignee } });

test('of fifty who decide at once in two processes one wins, and the others are told how', async () => {
  const { executionId, approvalIds } = await startRefunds(one.url);
  const [id = ''] = approvalIds;
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      decide(i % 2 === 0 ? one : other, id, {
        decision: i % 3 === 0 ? 'deny' : 'approve',
        reason: `by ${i}`,
      }),
    ),
  );
  const won = answers.filter(({ status }) => status === 200);
  expect(won).toHaveLength(1);
  const winner = won[0]?.json();
  const lost = answers.filter(({ status }) => status === 409).map((answer) => answer.json());
  expect(lost).toHaveLength(49);
  for (const { code, approval } of lost) expect([code, approval]).toEqual(['already-decided', winner]);
  const { history } = (await ask(other.url, `/approvals/${id}`)).json();
  expect((history as unknown[]).length).toBe(2);
  await ask(one.url, `/executions/${executionId}/wait`);
});

test('a reader sees every change of another process once, from the snapshot on', async () => {
  const before = await startRefunds(one.url);
  const reader = await read(other);
  expect(reader.events[0]).toEqual({ name: 'snapshot', data: { pending: await pendingIn(one) } });
  const { approvalIds } = await startRefunds(one.url, 3);
  const [first = '', second = '', third = ''] = approvalIds;
  await waitFor(() => approvalIds.every((id) => reader.of(id).length === 1), {
    describe: 'what is requested',
  });
  await assign(one, first, 'eve');
  await waitFor(() => reader.of(first).length === 2, { describe: 'the assignment' });
  await decide(one, first, { decision: 'approve' });
  await ask(one.url, '/approvals/decisions', {
    body: { decisions: [second, third].map((approvalId) => ({ approvalId, decision: 'deny' })) },
  });
  const { approvalIds: last } = await startRefunds(one.url);
  await waitFor(() => last.every((id) => reader.of(id).length > 0), { describe: 'the last request' });
  expect(reader.of(first)).toEqual(['pending', 'pending@eve', 'approved@eve']);
  for (const id of [second, third]) expect(reader.of(id)).toEqual(['pending', 'denied']);
  // What was there before the snapshot is not news.
  for (const id of before.approvalIds) expect(reader.of(id)).toEqual([]);
  const listed = (await ask(one.url, `/approvals/${first}`)).json();
  delete (listed as { history?: unknown }).history;
  expect(reader.changes.findLast(({ id }) => id === first)).toEqual(listed);
});

test('no change is missed or told twice while connections that listen are killed', async () => {
  const readersThere = [await read(other), await read(one)];
  const { approvalIds } = await startRefunds(one.url, 20);
  for (const [i, id] of approvalIds.entries()) {
    if (i % 5 === 0) await killListeners();
    const server = i % 2 === 0 ? one : other;
    expect((await assign(server, id, `person ${i}`)).status).toBe(200);
    await waitFor(() => readersThere.every((reader) => reader.of(id).length === 2), {
      describe: 'an assignment',
    });
    expect((await decide(server, id, { decision: 'deny' })).status).toBe(200);
  }
  await waitFor(() => readersThere.every((reader) => approvalIds.every((id) => reader.of(id).length === 3)), {
    describe: 'every decision',
  });
  for (const reader of readersThere) {
    for (const [i, id] of approvalIds.entries()) {
      const name = `pending@person ${i}`;
      expect(reader.of(id)).toEqual(['pending', name, `denied@person ${i}`]);
    }
  }
});

test('a reader sees what becomes of approvals when their time is up and when their execution ends', async () => {
  const reader = await read(other);
  const { approvalIds } = await startRefunds(one.url, 1);
  const [id = ''] = approvalIds;
  await withClient(database.url, (client) =>
    client.query('UPDATE outlast.approvals SET expires_at = now() WHERE id = $1', [id]),
  );
  await waitFor(() => reader.of(id).includes('expired'), { describe: 'the expiry' });
  expect(reader.of(id)).toEqual(['pending', 'expired']);
});

test('nothing of somebody else is ever sent, nor counted', async () => {
  const pending = await pendingIn(one);
  const reader = await read(other);
  const foreign = [
    await insertApproval(db, { ownerId: 'ann' }),
    await insertApproval(db, { tenantId: 'other' }),
    await insertApproval(db, { tenantId: 'other', approvers: ['local'] }),
    await insertApproval(db, { ownerId: 'ann', approvers: ['bob'] }),
    await insertApproval(db, { approvers: ['bob'] }),
  ];
  const named = await insertApproval(db, { ownerId: 'ann', approvers: ['bob', 'local'] });
  await waitFor(() => reader.of(named).length > 0, { describe: 'the one that names the reader' });
  for (const id of foreign) expect(reader.text).not.toContain(id);
  expect((await read(one)).events[0]?.data).toEqual({ pending: pending + 1 });
});

test('a server that stops cuts its readers', async () => {
  const server = await startServer({ databaseUrl: database.url });
  const reader = await read(server);
  expect(await server.stop()).toBe(0);
  await waitFor(() => reader.isClosed, { describe: 'the end of the connection' });
  expect(reader.text).not.toContain('[DONE]');
  await server.dispose();
});

function killListeners(): Promise<unknown> {
  return withClient(database.url, (client) =>
    client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'outlast listener' AND datname = current_database()`),
  );
}
