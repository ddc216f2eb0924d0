import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { type Database, transaction } from '../../src/db/database.ts';
import { decodeCursor } from '../../src/db/page.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { claimDue, isAnyDue, LOST } from '../../src/notifications/claim-due.ts';
import { getNotification } from '../../src/notifications/get-notification.ts';
import { listNotifications } from '../../src/notifications/list-notifications.ts';
import { recordNotification } from '../../src/notifications/record-notification.ts';
import { resendNotification } from '../../src/notifications/resend-notification.ts';
import { createOutbound, type SendOutbound } from '../../src/outbound/request.ts';
import { removeNotifications } from '../../src/retention/remove-notifications.ts';
import { createIn } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startReceiver, type TestReceiver } from '../support/receiver.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  deliveriesOf,
  makeSender,
  type NotificationRow,
  notificationsOf,
  SECRET,
  timePasses,
  verify,
} from './world.ts';

let database: TestDatabase;
let db: Database;
const open: TestReceiver[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 10);
});

afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close();
  await db.pool.query('TRUNCATE outlast.threads CASCADE');
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

async function receive(...args: Parameters<typeof startReceiver>): Promise<TestReceiver> {
  const receiver = await startReceiver(...args);
  open.push(receiver);
  return receiver;
}

/** A notification that waits to be sent. */
async function tell(): Promise<{ id: string; executionId: string; now(): Promise<NotificationRow> }> {
  const executionId = await createIn(db);
  const event = { type: 'execution.completed', executionId } as const;
  await transaction(db, (tx) => recordNotification(tx, event));
  const now = async () => (await notificationsOf(db, executionId))[0] as NotificationRow;
  return { id: (await now()).id, executionId, now };
}

describe('a delivery', () => {
  test('is signed, so that a receiver can tell it from one that was tampered with', async () => {
    const receiver = await receive();
    const { sendDue } = await makeSender(db, { url: `${receiver.url}/hook?token=a` });
    const { id, executionId, now } = await tell();
    expect(await sendDue()).toBe(1);
    const [request] = receiver.requests;
    if (request === undefined) throw new Error('Nothing came');
    const told = verify(request);
    expect(told).toMatchObject({ id, type: 'execution.completed', data: { id: executionId } });
    expect(request).toMatchObject({
      method: 'POST',
      path: '/hook?token=a',
      headers: { 'webhook-id': id, 'content-type': 'application/json' },
    });
    expect(request.headers['user-agent']).toMatch(/^Outlast\/\d/);
    expect(request.headers['webhook-signature']).toMatch(/^v1,/);
    const { headers, body } = request;
    for (const forged of [
      { headers, body: body.replace('completed', 'cancelled') },
      { headers: { ...headers, 'webhook-id': 'other' }, body },
      {
        headers: { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 1) },
        body,
      },
      { headers: { ...headers, 'webhook-signature': 'v1,AAAA' }, body },
    ]) {
      expect(() => verify(forged)).toThrow('No matching signature');
    }
    expect(await now()).toMatchObject({ status: 'delivered', tries: 1, failures: 0, leasedBy: null });
    expect(await deliveriesOf(db, id)).toMatchObject([{ no: 1, statusCode: 204, error: null, response: '' }]);
  });

  test.each([500, 503, 408, 425, 429])(
    'is tried again after a %i, with the same id and body',
    async (status) => {
      const receiver = await receive((res, n) => res.writeHead(n === 0 ? status : 200).end('so'));
      const { sendDue } = await makeSender(db, receiver);
      const { id, now } = await tell();
      await sendDue();
      expect(await now()).toMatchObject({ status: 'pending', failures: 1, leasedBy: null });
      expect(await sendDue()).toBe(0);
      await timePasses(db, id);
      expect(await sendDue()).toBe(1);
      expect(await now()).toMatchObject({ status: 'delivered', tries: 2 });
      const [first, second] = receiver.requests;
      expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
      expect(second?.body).toBe(first?.body);
      expect(await deliveriesOf(db, id)).toMatchObject([
        { no: 1, statusCode: status, error: 'answered with an error', response: 'so' },
        { no: 2, statusCode: 200, error: null },
      ]);
    },
  );

  test('is tried after longer and longer waits, and given up after the last', async () => {
    const receiver = await receive((res) => res.writeHead(500).end());
    const { sendDue } = await makeSender(db, receiver);
    const { id, now } = await tell();
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      await sendDue();
      waits.push(Math.round((await timePasses(db, id)) / 1000));
    }
    expect(waits).toEqual([1, 2, 3]);
    await sendDue();
    expect(await now()).toMatchObject({ status: 'failed', tries: 4, nextAttemptAt: null });
    expect(await sendDue()).toBe(0);
    expect(receiver.requests).toHaveLength(4);
  });

  test('waits as long as the receiver asks', async () => {
    const receiver = await receive((res) => res.writeHead(429, { 'retry-after': '600' }).end());
    const { sendDue } = await makeSender(db, receiver);
    const { id } = await tell();
    await sendDue();
    expect(Math.round((await timePasses(db, id)) / 1000)).toBe(600);
  });

  test.each([410, 400, 401, 404, 301, 302])('ends at once with a %i', async (status) => {
    const target = await receive();
    const receiver = await receive((res) => res.writeHead(status, { location: target.url }).end());
    const { sendDue } = await makeSender(db, receiver);
    const { id, now } = await tell();
    await sendDue();
    expect(await now()).toMatchObject({ status: 'failed', tries: 1 });
    expect(await deliveriesOf(db, id)).toMatchObject([{ statusCode: status }]);
    expect(target.requests).toEqual([]);
  });

  test('does not go to a private address, and says so', async () => {
    const receiver = await receive();
    for (const url of [
      receiver.url,
      `http://localhost:${receiver.port}`,
      'http://169.254.169.254/latest/meta-data',
    ]) {
      const { sendDue } = await makeSender(db, { url }, { send: createOutbound() });
      const { id, now } = await tell();
      await sendDue();
      expect(await now()).toMatchObject({ status: 'failed' });
      expect(await deliveriesOf(db, id)).toMatchObject([{ statusCode: null, error: 'address-refused' }]);
    }
    expect(receiver.requests).toEqual([]);
  });

  test('is tried again when nobody listens', async () => {
    const receiver = await receive();
    await receiver.close();
    const { sendDue } = await makeSender(db, receiver);
    const { id, now } = await tell();
    await sendDue();
    expect(await now()).toMatchObject({ status: 'pending', failures: 1 });
    expect(await deliveriesOf(db, id)).toMatchObject([{ error: 'connection-failed (ECONNREFUSED)' }]);
  });

  test('keeps the first KiB of the answer, whatever that is, and no secret', async () => {
    const receiver = await receive((res) => res.writeHead(500).end(`\u0000${SECRET}${'x'.repeat(5000)}`));
    const { sendDue, logged } = await makeSender(db, { url: `${receiver.url}/?token=hush` });
    const { id } = await tell();
    await sendDue();
    const [delivery] = await deliveriesOf(db, id);
    expect(delivery?.response).toMatch(/^\ufffd\[redacted\]x+$/);
    expect(delivery?.response).toHaveLength(1024);
    const { rows } = await db.orm.execute(sql`SELECT n.*, d.* FROM outlast.notifications n
      JOIN outlast.notification_deliveries d ON d.notification_id = n.id`);
    for (const text of [JSON.stringify(rows), logged.join()]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('hush');
    }
  });
});

describe('several workers', () => {
  test('send each notification once', async () => {
    const receiver = await receive();
    const senders = await Promise.all(Array.from({ length: 4 }, () => makeSender(db, receiver)));
    const told = [];
    for (let i = 0; i < 60; i++) told.push(await tell());
    for (const { sender } of senders) sender.start();
    await waitFor(() => receiver.requests.length >= told.length, {
      describe: () => `${receiver.requests.length} of ${told.length}`,
    });
    await Promise.all(senders.map(({ sender }) => sender.stop(5000)));
    const ids = receiver.requests.map(({ headers }) => headers['webhook-id']);
    expect(ids).toHaveLength(told.length);
    expect(new Set(ids)).toEqual(new Set(told.map(({ id }) => id)));
    for (const { now } of told) expect(await now()).toMatchObject({ status: 'delivered', tries: 1 });
  });

  test('leave alone what one of them is at, until its time is over', async () => {
    const receiver = await receive();
    const { id, now } = await tell();
    const stuck = await makeSender(db, receiver, { deliver: () => new Promise(() => {}) });
    expect(await stuck.sender.look()).toBe(1);
    const other = await makeSender(db, receiver);
    expect(await other.sendDue()).toBe(0);
    await db.orm.execute(sql`UPDATE outlast.notifications SET leased_until = clock_timestamp()`);
    expect(await other.sendDue()).toBe(1);
    expect(await now()).toMatchObject({ status: 'delivered', tries: 2 });
    expect(await deliveriesOf(db, id)).toMatchObject([
      { no: 1, error: LOST, durationMs: null },
      { no: 2, error: null, statusCode: 204 },
    ]);
  });

  test('send at once what a dead one was about to send', async () => {
    const receiver = await receive();
    const { now } = await tell();
    const dead = await makeSender(db, receiver, { deliver: () => new Promise(() => {}) });
    await dead.sender.look();
    await db.pool.query('DELETE FROM outlast.workers WHERE worker_id = $1', [dead.workerId]);
    const other = await makeSender(db, receiver);
    expect(await other.sendDue()).toBe(1);
    expect(await now()).toMatchObject({ status: 'delivered', tries: 2 });
  });

  test('do not send what they hold no longer, and one without a lease takes nothing', async () => {
    const receiver = await receive();
    await tell();
    const frozen = await makeSender(db, receiver, { lease: { sureForMs: () => -1 } });
    expect(await frozen.sendDue()).toBe(1);
    const late = await makeSender(db, receiver, { leaseMs: 5000 });
    await db.orm.execute(sql`UPDATE outlast.notifications SET leased_until = clock_timestamp()`);
    expect(await late.sendDue()).toBe(1);
    expect(receiver.requests).toEqual([]);
    expect(await claimDue(db, 'nobody', { limit: 9, leaseMs: 1 })).toEqual([]);
  });

  test('look for what is due up to the first that is not, however many wait for their next try', async () => {
    const query = jest.spyOn(db.pool, 'query');
    await isAnyDue(db);
    const [asked] = query.mock.calls[0] as unknown as [{ text: string }];
    query.mockRestore();
    const client = await db.pool.connect();
    try {
      await client.query('BEGIN');
      // Whatever the size of the table: it is asked whether the index can be entered by the time.
      await client.query('SET LOCAL enable_seqscan = off');
      const { rows } = await client.query(`EXPLAIN ${asked.text}`);
      expect(JSON.stringify(rows)).toContain('Index Cond: (next_attempt_at <= ');
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });

  test('do not undo what another has done meanwhile', async () => {
    const receiver = await receive((res, n) => res.writeHead(n === 0 ? 500 : 200).end());
    const { id, now } = await tell();
    const other = await makeSender(db, receiver);
    const outbound = createOutbound({ allowPrivate: true });
    // The answer comes when another one has sent it again.
    const send: SendOutbound = async (request) => {
      const answer = await outbound(request);
      await db.orm.execute(sql`UPDATE outlast.notifications SET leased_until = clock_timestamp()`);
      await other.sendDue();
      return answer;
    };
    const slow = await makeSender(db, receiver, { send });
    await slow.sendDue();
    expect(await now()).toMatchObject({ status: 'delivered', tries: 2, failures: 0 });
    expect(await deliveriesOf(db, id)).toMatchObject([{ statusCode: 500 }, { statusCode: 200 }]);
  });
});

describe('a notification that is sent again', () => {
  test('has all of its tries, and its id', async () => {
    let status = 410;
    const receiver = await receive((res) => res.writeHead(status).end());
    const { sendDue } = await makeSender(db, receiver);
    const { id, now } = await tell();
    await sendDue();
    expect(await now()).toMatchObject({ status: 'failed', tries: 1 });
    for (status of [500, 200, 200]) {
      await transaction(db, (tx) => resendNotification(tx, OPEN_SCOPE, id));
      expect(await now()).toMatchObject({ status: 'pending', failures: 0, endedAt: null });
      expect(await sendDue()).toBe(1);
    }
    expect(await now()).toMatchObject({ status: 'delivered', tries: 4 });
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
    expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
  });
});

test('a stranger learns nothing of a notification, and cannot have it sent', async () => {
  const { id, now } = await tell();
  const strangers = [
    { tenantId: 'default', ownerId: 'other' },
    { tenantId: 'other', ownerId: 'local' },
  ];
  const before = await now();
  for (const scope of strangers) {
    const page = await listNotifications(db.orm, scope, {}, { limit: 50 });
    expect(page).toEqual({ data: [], nextCursor: null });
    for (const missing of [
      getNotification(db.orm, scope, id),
      transaction(db, (tx) => resendNotification(tx, scope, id)),
      getNotification(db.orm, OPEN_SCOPE, before.executionId),
    ]) {
      await expect(missing).rejects.toMatchObject({ code: 'not-found' });
    }
  }
  expect(await now()).toEqual(before);
  expect(await getNotification(db.orm, OPEN_SCOPE, id)).toMatchObject({ id });
});

test('a list is read page by page, newest first', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await tell()).id);
  const first = await listNotifications(db.orm, OPEN_SCOPE, {}, { limit: 3 });
  const cursor = decodeCursor(first.nextCursor ?? '', () => true);
  const second = await listNotifications(db.orm, OPEN_SCOPE, {}, { limit: 3, cursor });
  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
  expect(second.nextCursor).toBeNull();
});

test('what is over is removed after the time of retention, and what is pending never', async () => {
  const receiver = await receive();
  const { sendDue } = await makeSender(db, receiver);
  const [old, young] = [await tell(), await tell()];
  await sendDue();
  const pending = await tell();
  await db.orm.execute(sql`UPDATE outlast.notifications SET created_at = now() - interval '9 days'`);
  await db.orm.execute(sql`
    UPDATE outlast.notifications SET ended_at = now() - interval '8 days' WHERE id = ${old.id}`);
  for await (const done of removeNotifications(db, 7)) expect(done).toEqual({ notificationsRemoved: 1 });
  expect(await old.now()).toBeUndefined();
  expect(await deliveriesOf(db, old.id)).toEqual([]);
  expect(await young.now()).toMatchObject({ status: 'delivered' });
  expect(await pending.now()).toMatchObject({ status: 'pending' });
});
