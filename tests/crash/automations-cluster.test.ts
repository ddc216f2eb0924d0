import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask } from '../http/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { faultsOf, firingsSettled, readFirings } from './firings.ts';

const AUTOMATIONS = 10;
const SECRET = 'shared with the sender';
const KEY = { OUTLAST_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') };

describe('automations of three processes', () => {
  let database: TestDatabase;
  let servers: TestServer[];
  let sql: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    const env = { LOG_LEVEL: 'warn', OUTLAST_AUTOMATION_CONCURRENCY: '100000', ...KEY };
    const start = () => startServer({ databaseUrl: database.url, env });
    servers = [await start(), ...(await Promise.all([start(), start()]))];
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
  }, 90_000);
  afterAll(async () => {
    await sql?.end();
    await Promise.all(servers.map((server) => server.dispose()));
    await database.drop();
  });

  const urlOf = (i: number) => servers[i % servers.length]?.url ?? '';

  async function make(trigger: object, concurrency: object): Promise<string> {
    const body = { name: 'a', agentId: 'assistant', input: 'say hello', trigger, concurrency };
    return String((await ask(urlOf(0), '/automations', { body })).json()['id']);
  }

  test('fire once for an event that is told 20 times at once', async () => {
    const id = await make({ type: 'event', name: 'told' }, { max: 10 });
    const body = { name: 'told', id: 'e1', payload: { total: 1 } };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ask(urlOf(i), '/events', { body })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await firingsSettled(sql, id)).toMatchObject([{ key: 'e1', executions: 1, completed: 1 }]);
  });

  /** A delivery as GitHub signs it, to one of the processes. */
  function deliver(i: number, id: string, delivery: string) {
    const body = JSON.stringify({ delivery });
    const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
    const headers = { 'x-hub-signature-256': signature, 'x-github-delivery': delivery };
    return ask(urlOf(i), `/hooks/${id}`, {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': 'application/json' },
    });
  }

  test('take a delivery once that comes 20 times at once', async () => {
    const trigger = { type: 'webhook', signature: { preset: 'github' }, secret: SECRET };
    const id = await make(trigger, { max: 10 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => deliver(i, id, 'd1')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await firingsSettled(sql, id)).toMatchObject([{ key: 'id:d1', executions: 1, completed: 1 }]);
  });

  test('run what a delivery started, when who took it dies with its answer', async () => {
    const trigger = { type: 'webhook', signature: { preset: 'github' }, secret: SECRET };
    const id = await make(trigger, { max: 10 });
    const [victim] = servers as [TestServer];
    const taken = await deliver(0, id, 'd2');
    await victim.kill();
    expect(taken.status).toBe(202);
    expect(await firingsSettled(sql, id)).toMatchObject([{ key: 'id:d2', executions: 1, completed: 1 }]);
    const again = await deliver(1, id, 'd2');
    expect([again.status, again.text]).toEqual([202, taken.text]);
    await victim.start();
  });

  test('fire each due time once while processes are killed', async () => {
    const trigger = { type: 'schedule', cron: '* * * * * *' };
    const ids = await Promise.all(Array.from({ length: AUTOMATIONS }, () => make(trigger, { max: 1000 })));
    for (const victim of servers) {
      const before = await readFirings(sql, ids[0] ?? '');
      await waitFor(async () => (await readFirings(sql, ids[0] ?? '')).length > before.length + 2, {
        deadlineMs: 30_000,
        describe: 'more firings',
      });
      await victim.kill();
      await victim.start();
    }
    await Promise.all(ids.map((id, i) => ask(urlOf(i), `/automations/${id}/pause`, { method: 'POST' })));
    for (const id of ids) {
      const firings = await firingsSettled(sql, id);
      expect(faultsOf(firings)).toEqual([]);
      // Two of three were always there.
      expect(firings.filter(({ status }) => status !== 'fired')).toEqual([]);
      expect(firings.length).toBeGreaterThan(3 * servers.length);
    }
  }, 120_000);
});
