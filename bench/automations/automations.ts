import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { faultsOf, firingsSettled } from '../../tests/crash/firings.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import { startServer, type TestServer } from '../../tests/support/server.ts';
import type { BenchContext, Findings, Goal, Scenario } from '../report/scenario.ts';
import { percentile } from '../stats/percentile.ts';

const AUTOMATIONS = 20;
const SECONDS = 60;
const KILL_EVERY_MS = 5000;

/** How late schedules are fired by three processes, left alone and killed one after the other. */
export const automations: Scenario = { name: 'automations', measure };

interface Run {
  name: string;
  lateness: number[];
  kills: number;
  fired: number;
  executions: number;
  faults: number;
}

async function measure(context: BenchContext): Promise<Findings> {
  const runs = [await runFor(context, 'left alone', 0), await runFor(context, 'killed', KILL_EVERY_MS)];
  return describe(runs);
}

async function runFor({ progress, defer }: BenchContext, name: string, killEveryMs: number): Promise<Run> {
  const database = await createTestDatabase();
  defer(() => database.drop());
  const env = { LOG_LEVEL: 'warn', OUTLAST_AUTOMATION_CONCURRENCY: '100000' };
  const servers: TestServer[] = [];
  for (let i = 0; i < 3; i += 1) servers.push(await startServer({ databaseUrl: database.url, env }));
  defer(() => Promise.all(servers.map((server) => server.dispose())));
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  defer(() => sql.end());
  const ids = await Promise.all(Array.from({ length: AUTOMATIONS }, () => makeAutomation(servers)));
  progress(`${AUTOMATIONS} automations of every second, ${SECONDS} s, ${name}`);
  const kills = await spend(servers, killEveryMs);
  for (const id of ids) await call(servers, `/automations/${id}/pause`);
  const all = [];
  for (const id of ids) all.push(await firingsSettled(sql, id));
  const fired = all.flat().filter(({ status }) => status === 'fired');
  const { rows } = await sql.query<{ late_ms: number }>(`
    SELECT extract(epoch FROM created_at - scheduled_for)::float8 * 1000 AS late_ms
    FROM outlast.firings WHERE status = 'fired'`);
  await Promise.all(servers.map((server) => server.kill()));
  return {
    name,
    kills,
    lateness: rows.map((row) => row.late_ms),
    fired: fired.length,
    executions: fired.reduce((sum, { executions }) => sum + executions, 0),
    faults: all.flatMap(faultsOf).length + all.flat().filter(({ status }) => status !== 'fired').length,
  };
}

/** Lets the time pass, and kills one process after the other; each is started again at once. */
async function spend(servers: readonly TestServer[], killEveryMs: number): Promise<number> {
  const endsAt = performance.now() + SECONDS * 1000;
  if (killEveryMs === 0) {
    await delay(SECONDS * 1000);
    return 0;
  }
  let kills = 0;
  const restarts = servers.map(() => Promise.resolve());
  for (; performance.now() + killEveryMs < endsAt; kills += 1) {
    await delay(killEveryMs);
    const i = kills % servers.length;
    const victim = servers[i] as TestServer;
    // On a busy machine it may not be back yet from the last time.
    await restarts[i];
    restarts[i] = victim.kill().then(() => victim.start());
  }
  await Promise.all(restarts);
  await delay(Math.max(0, endsAt - performance.now()));
  return kills;
}

async function makeAutomation(servers: readonly TestServer[]): Promise<string> {
  const trigger = { type: 'schedule', cron: '* * * * * *' };
  const concurrency = { max: 1000 };
  const body = { name: 'bench', agentId: 'assistant', input: 'say hello', trigger, concurrency };
  return ((await call(servers, '/automations', body)) as { id: string }).id;
}

async function call(servers: readonly TestServer[], path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${servers[0]?.url}${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  // Postgres and three servers share this machine with what else runs on it.
  if (answer.status === 503) return delay(1000).then(() => call(servers, path, body));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function describe(runs: readonly Run[]): Findings {
  const lines = runs.map(({ name, kills, fired, executions, faults, lateness }) => ({
    name,
    numbers: {
      kills,
      'due times fired': fired,
      executions,
      faults,
      p50: percentile(lateness, 0.5),
      p99: percentile(lateness, 0.99),
      max: percentile(lateness, 1),
    },
  }));
  const goals = runs.flatMap(({ name, kills, faults, lateness }): Goal[] => [
    {
      what: `${name}: due times that were fired twice, not at all, or without exactly one execution`,
      actual: faults,
      must: 'be',
      limit: 0,
      unit: '',
    },
    {
      what: `${name}: lateness p99`,
      actual: percentile(lateness, 0.99),
      must: 'be at most',
      limit: kills === 0 ? 1000 : 7000,
      unit: 'ms',
    },
  ]);
  return {
    title: 'Schedules of three processes',
    how:
      `${AUTOMATIONS} automations that are due every second, for ${SECONDS} s, on three servers; the second time one of ` +
      `them is killed every ${KILL_EVERY_MS / 1000} s and started again. Each due time is looked for in the tables.`,
    tables: [{ caption: 'Milliseconds from the due time until the firing was written', lines }],
    goals,
  };
}
