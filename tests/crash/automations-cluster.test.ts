import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask } from '../http/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { faultsOf, firingsSettled, readFirings } from './firings.ts';

const AUTOMATIONS = 10;

describe('automations of three processes', () => {
  let database: TestDatabase;
  let servers: TestServer[];
  let sql: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    const env = { LOG_LEVEL: 'warn', OUTLAST_AUTOMATION_CONCURRENCY: '100000' };
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
