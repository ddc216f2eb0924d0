import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import { bare } from '../contestants/bare.ts';
import type { Rig } from '../contestants/contestant.ts';
import { type OutlastRig, startOutlast } from '../contestants/outlast.ts';
import { type Memory, readMemory } from '../memory/read-memory.ts';
import type { BenchContext, Findings, Goal, Line, Scenario } from '../report/scenario.ts';
import { openBenchDatabase } from './open-bench-database.ts';
import { faultsOf, lineOf, type Outcome, p99Of, pool } from './outcome.ts';
import { streamLive } from './stream-live.ts';
import { CROWD, streamToCrowd } from './stream-to-crowd.ts';

const MANY = { executions: 2000, perSecond: 1, forMs: 8000 };
const ROUNDS = 2;
const SETTLE_MS = 500;

/** A load on the product, and what its server held at the end of it. */
interface Held {
  outcome: Outcome;
  memory: Memory;
}

interface Measured {
  bareCrowd: Outcome;
  idle: Memory;
  crowd: Held;
  crowdAndSlow: Held;
  many: Held;
}

/** A crowd around one execution, and many executions with a reader each. */
export const logFanOut: Scenario = { name: 'log-fan-out', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const { db, url } = await openBenchDatabase(context);
  const outlast = await startOutlast(url, context.defer);
  const bareSql = await bare('a row a chunk').start(url, context.defer);
  const idle = await memoryOf(outlast);
  const crowds = await measureCrowds(db, outlast, bareSql, context);
  context.progress(`${MANY.executions} executions with a reader each`);
  const many = await held(outlast, (onMeasured) => streamLive(db, outlast, MANY, { onMeasured }));
  return describe({ idle, ...crowds, many });
}

/** In rounds, so that what changes on the machine meanwhile meets each of them; memory as in the first one. */
async function measureCrowds(
  db: Database,
  outlast: OutlastRig,
  bareSql: Rig,
  { progress }: BenchContext,
): Promise<Pick<Measured, 'bareCrowd' | 'crowd' | 'crowdAndSlow'>> {
  const bareRounds: Outcome[] = [];
  const rounds: Held[] = [];
  const slowRounds: Held[] = [];
  const run = (withSlow: boolean) =>
    held(outlast, (onMeasured) => streamToCrowd(db, outlast, { withSlow, onMeasured }));
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`${CROWD.readers} readers of one execution, ${round} of ${ROUNDS}: bare SQL`);
    bareRounds.push(await streamToCrowd(db, bareSql, { withSlow: false }));
    progress(`${CROWD.readers} readers of one execution, ${round} of ${ROUNDS}: Outlast`);
    rounds.push(await run(false));
    progress(`${CROWD.readers} readers of one execution, ${round} of ${ROUNDS}: Outlast, with a slow one`);
    slowRounds.push(await run(true));
  }
  return { bareCrowd: pool(bareRounds), crowd: merge(rounds), crowdAndSlow: merge(slowRounds) };
}

async function held(
  outlast: OutlastRig,
  load: (onMeasured: () => Promise<void>) => Promise<Outcome>,
): Promise<Held> {
  let memory: Memory | undefined;
  const outcome = await load(async () => {
    memory = await memoryOf(outlast);
  });
  if (memory === undefined) throw new Error('The memory was not read');
  return { outcome, memory };
}

async function memoryOf({ server }: OutlastRig): Promise<Memory> {
  await delay(SETTLE_MS);
  return readMemory(server);
}

function merge(rounds: readonly Held[]): Held {
  const [first] = rounds;
  if (first === undefined) throw new Error('There was no round');
  return { outcome: pool(rounds.map(({ outcome }) => outcome)), memory: first.memory };
}

function describe(measured: Measured): Findings {
  const { idle, bareCrowd, crowd, crowdAndSlow, many } = measured;
  return {
    title: 'The log, fan-out: a crowd around one execution, and many executions',
    how:
      'Writer, server and client as in log-live. The slow reader wants the whole log, which has 16 MB before the ' +
      'first chunk that is measured, and takes 1 KB of it a second. Memory of the server after a forced collection ' +
      'with all readers connected, above that before the first one came.',
    tables: [
      {
        caption: `One execution at ${CROWD.perSecond} chunks/s, ${CROWD.readers} readers, ${ROUNDS} × ${CROWD.forMs / 1000} s in turns`,
        lines: [
          lineOf('bare SQL', bareCrowd),
          lineOf('Outlast', crowd.outcome),
          lineOf('Outlast, with a slow reader more', crowdAndSlow.outcome),
        ],
      },
      {
        caption: `${MANY.executions} executions at ${MANY.perSecond} chunk/s, a reader each, ${MANY.forMs / 1000} s`,
        lines: [lineOf('Outlast', many.outcome)],
      },
      {
        caption: 'Memory of the server, KB a reader',
        lines: [
          memoryLine('1,000 readers of one execution', idle, crowd, CROWD.readers),
          memoryLine('with a slow reader more', idle, crowdAndSlow, CROWD.readers),
          memoryLine('2,000 readers of 2,000 executions', idle, many, MANY.executions),
        ],
      },
    ],
    goals: goalsOf(measured),
  };
}

function goalsOf({ idle, crowd, crowdAndSlow, many }: Measured): Goal[] {
  const faults = [crowd, crowdAndSlow, many].reduce((sum, { outcome }) => sum + faultsOf(outcome), 0);
  const slowdown = p99Of(crowdAndSlow.outcome) / p99Of(crowd.outcome);
  const memory = kbEach(idle, crowd.memory, CROWD.readers);
  const p99 = p99Of(crowd.outcome);
  return [
    { what: 'p99 at 1,000 readers', actual: p99, must: 'be at most', limit: 100, unit: 'ms' },
    {
      what: 'memory, heap and external',
      actual: memory,
      must: 'be at most',
      limit: 100,
      unit: 'KB a reader',
    },
    { what: 'p99 with a slow reader more', actual: slowdown, must: 'be at most', limit: 1.5, unit: '×' },
    {
      what: 'p99 of 2,000 live streams',
      actual: p99Of(many.outcome),
      must: 'be at most',
      limit: 100,
      unit: 'ms',
    },
    { what: 'chunks lost, doubled or out of order', actual: faults, must: 'be', limit: 0, unit: '' },
  ];
}

function memoryLine(name: string, idle: Memory, { memory }: Held, readers: number): Line {
  const rss = (memory.rss - idle.rss) / readers / 1024;
  return { name, numbers: { 'heap and external': kbEach(idle, memory, readers), RSS: rss } };
}

function kbEach(idle: Memory, now: Memory, readers: number): number {
  return (now.heapUsed + now.external - idle.heapUsed - idle.external) / readers / 1024;
}
