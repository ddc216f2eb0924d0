import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask } from '../http/client.ts';
import type { KillPoint } from '../support/kill-points.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { faultsOf, firingsSettled, readFirings } from './firings.ts';
import { arm, expectDeath, startKillable } from './recovery-run.ts';

const FIRING = 'insert into .*"firings"';
const MOMENTS: (KillPoint & { name: string })[] = [
  {
    name: 'after the execution is made',
    event: 'statement',
    matches: 'insert into .*"workflow_executions"',
    moment: 'after',
  },
  { name: 'during the commit', event: 'commit', matches: FIRING, moment: 'during' },
  { name: 'after the commit', event: 'commit', matches: FIRING, moment: 'after' },
  { name: 'before its end is noted', event: 'commit', matches: 'set "accounted_at"', moment: 'before' },
];

describe('an automation outlasts a SIGKILL', () => {
  let server: TestServer;
  let sql: pg.Client;

  beforeAll(async () => {
    server = await startKillable({ env: { LOG_LEVEL: 'warn' } });
    sql = new pg.Client({ connectionString: server.databaseUrl });
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await server.dispose();
  });

  async function make(trigger: object): Promise<string> {
    const body = { name: 'a', agentId: 'assistant', input: 'say hello', trigger, concurrency: { max: 100 } };
    return String((await ask(server.url, '/automations', { body })).json()['id']);
  }

  test.each(MOMENTS)('that strikes $name of a schedule', async ({ name: _, ...point }) => {
    await arm(server, point);
    const id = await make({ type: 'schedule', cron: '* * * * * *' });
    await expectDeath(server);
    await server.start();
    const before = await readFirings(sql, id);
    await waitFor(async () => (await readFirings(sql, id)).length > before.length + 1, {
      deadlineMs: 20_000,
      describe: 'it to go on',
    });
    await ask(server.url, `/automations/${id}/pause`, { method: 'POST' });
    expect(faultsOf(await firingsSettled(sql, id))).toEqual([]);
  });

  test.each(['before', 'after'] as const)('that strikes %s the 202 of an event', async (moment) => {
    const id = await make({ type: 'event', name: moment });
    await arm(server, { event: 'answer', matches: '202', moment });
    const tell = () => ask(server.url, '/events', { body: { name: moment, id: 'once' } });
    await Promise.all([tell().catch(() => undefined), expectDeath(server)]);
    await server.start();
    const told = (await tell()).json()['firings'];
    expect(told).toMatchObject([{ automationId: id, key: 'once', status: 'fired' }]);
    const [firing, ...others] = await firingsSettled(sql, id);
    expect(others).toEqual([]);
    expect(firing).toMatchObject({ key: 'once', executions: 1 });
    expect((await tell()).json()['firings']).toEqual(told);
  });
});
