import { Agent } from 'node:http';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../tests/support/server.ts';
import type { BenchContext, Findings, Line, Scenario } from '../report/scenario.ts';
import { startBareServer } from '../servers/bare-server-process.ts';
import { median } from '../stats/percentile.ts';
import { emptyCache } from './empty-cache.ts';
import { makeFinishedExecution } from './finished-execution.ts';
import { type Replay, readAll } from './read-all.ts';

const ROWS = 10_000;
const WARM_UP = 4;
const WARM = 15;
const COLD = 7;

interface Execution {
  readonly id: string;
  readonly no: number;
}

/** One of the two that are compared: where it serves an execution, and what was measured of it. */
interface Runner {
  readonly name: string;
  urlOf(execution: Execution): string;
  readonly warm: Replay[];
  readonly cold: Replay[];
}

/** A reader who comes late: all of a long log at once. */
export const logReplay: Scenario = { name: 'log-replay', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const server = await startServer();
  defer(() => server.dispose());
  const { databaseUrl } = server;
  const file = fileURLToPath(new URL('bare-server.ts', import.meta.url));
  const bareServer = await startBareServer(file, { DATABASE_URL: databaseUrl });
  defer(() => bareServer.kill());
  const agent = new Agent({ keepAlive: true });
  defer(() => agent.destroy());
  const bare = runner('bare SQL and Express', ({ no }) => `${bareServer.url}/replay/${no}`);
  const outlast = runner('Outlast', ({ id }) => `${server.url}/executions/${id}/stream`);
  progress(`warm, ${WARM} times each, in turns`);
  await measureWarm(agent, databaseUrl, [bare, outlast]);
  progress(`cold, ${COLD} times each, in turns`);
  await measureCold(agent, databaseUrl, [bare, outlast]);
  return describe(bare, outlast);
}

function runner(name: string, urlOf: Runner['urlOf']): Runner {
  return { name, urlOf, warm: [], cold: [] };
}

/** The same log again and again. */
async function measureWarm(agent: Agent, databaseUrl: string, runners: readonly Runner[]): Promise<void> {
  const execution = await makeFinishedExecution(databaseUrl, ROWS);
  for (let i = 0; i < WARM_UP + WARM; i++) {
    for (const { urlOf, warm } of runners) {
      const replay = await readAll(agent, urlOf(execution), ROWS);
      if (i >= WARM_UP) warm.push(replay);
    }
  }
}

/** Another log each time, of which Postgres has no page in memory. */
async function measureCold(agent: Agent, databaseUrl: string, runners: readonly Runner[]): Promise<void> {
  for (let i = 0; i < COLD; i++) {
    for (const { urlOf, cold } of runners) {
      const execution = await makeFinishedExecution(databaseUrl, ROWS);
      await emptyCache(databaseUrl);
      cold.push(await readAll(agent, urlOf(execution), ROWS));
    }
  }
}

function describe(bare: Runner, outlast: Runner): Findings {
  const warm = wholeOf(outlast.warm) / wholeOf(bare.warm);
  const cold = wholeOf(outlast.cold) / wholeOf(bare.cold);
  return {
    title: 'The log, replayed: a reader who comes late',
    how:
      `A finished execution of ${ROWS.toLocaleString('en-US')} rows, one chunk each, read over SSE from the start, ` +
      `medians of ${WARM} (warm) and ${COLD} (cold). Cold: another log each time, which nobody has read, and no page ` +
      "of the database in Postgres's memory; the system may have the files in its own. Bare: an Express route with " +
      'one SELECT and one write.',
    tables: [{ caption: 'Milliseconds at the client', lines: [lineOf(bare, bare), lineOf(outlast, bare)] }],
    goals: [
      { what: 'first row', actual: firstOf(outlast.warm), must: 'be at most', limit: 20, unit: 'ms' },
      { what: 'whole log against bare SQL, warm', actual: warm, must: 'be at most', limit: 2, unit: '×' },
      { what: 'whole log against bare SQL, cold', actual: cold, must: 'be at most', limit: 2, unit: '×' },
    ],
  };
}

function lineOf({ name, warm, cold }: Runner, bare: Runner): Line {
  return {
    name,
    numbers: {
      'first row': firstOf(warm),
      whole: wholeOf(warm),
      '× bare': wholeOf(warm) / wholeOf(bare.warm),
      'first row, cold': firstOf(cold),
      'whole, cold': wholeOf(cold),
      '× bare, cold': wholeOf(cold) / wholeOf(bare.cold),
    },
  };
}

function firstOf(replays: readonly Replay[]): number {
  return median(replays.map(({ first }) => first));
}

function wholeOf(replays: readonly Replay[]): number {
  return median(replays.map(({ whole }) => whole));
}
