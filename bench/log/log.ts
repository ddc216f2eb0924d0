import { type Database, openDatabase } from '../../src/db/database.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import type { BenchContext, Findings, Goal, Line, Scenario } from '../report/scenario.ts';
import { median } from '../stats/percentile.ts';
import { bareLog } from './bare-log.ts';
import { type Outcome, saturate, streamLive } from './loads.ts';
import { outlastLog } from './outlast-log.ts';

const BARE = bareLog('a row a chunk');
const OUTLAST = outlastLog(2);
const CONTESTANTS = [BARE, bareLog('a row a batch'), OUTLAST, outlastLog(0)];
const LIVE = [
  { executions: 100, perSecond: 50, forMs: 8000 },
  { executions: 500, perSecond: 50, forMs: 8000 },
];
const SATURATION = { executions: 50, window: 64, forMs: 5000 };
const ROUNDS = 3;

type Outcomes = Map<string, Outcome>;

/** The log by itself: how much it takes, and how soon a reader has it. */
export const log: Scenario = { name: 'log', measure };

async function measure({ progress, defer }: BenchContext): Promise<Findings> {
  const database = await createTestDatabase();
  defer(() => database.drop());
  const db = openDatabase({
    url: database.url,
    poolSize: 20,
    idleTransactionMs: 4000,
    onError: (error) => progress(error.message),
  });
  defer(() => db.close());
  const live = await measureLive(db, progress);
  return describe(live, await measureSaturation(db, progress));
}

async function measureLive(db: Database, progress: (text: string) => void): Promise<Outcomes[]> {
  const all: Outcomes[] = [];
  for (const load of LIVE) {
    const outcomes: Outcomes = new Map();
    for (const contestant of CONTESTANTS) {
      progress(`${load.executions} × ${load.perSecond}/s, ${contestant.name}`);
      outcomes.set(contestant.name, await streamLive(db, contestant, load));
    }
    all.push(outcomes);
  }
  return all;
}

/** In rounds, so that what changes on the machine meanwhile meets each of them. */
async function measureSaturation(db: Database, progress: (text: string) => void): Promise<Outcomes> {
  const rounds: Outcomes[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const outcomes: Outcomes = new Map();
    for (const contestant of CONTESTANTS) {
      progress(`saturation ${round} of ${ROUNDS}, ${contestant.name}`);
      outcomes.set(contestant.name, await saturate(db, contestant, SATURATION));
    }
    rounds.push(outcomes);
  }
  return new Map(
    CONTESTANTS.map(({ name }) => [name, middle(rounds.map((round) => outcomeIn(round, name)))]),
  );
}

/** The medians of the measures, and the sums of the faults. */
function middle(outcomes: readonly Outcome[]): Outcome {
  const of = (key: keyof Outcome) => outcomes.map((outcome) => outcome[key]);
  const sum = (key: keyof Outcome) => of(key).reduce((a, b) => a + b, 0);
  return {
    chunksPerSecond: median(of('chunksPerSecond')),
    p50: median(of('p50')),
    p99: median(of('p99')),
    lost: sum('lost'),
    doubled: sum('doubled'),
    disordered: sum('disordered'),
  };
}

function describe(live: readonly Outcomes[], saturation: Outcomes): Findings {
  const captions = LIVE.map(
    ({ executions, perSecond, forMs }) =>
      `${executions} executions × ${perSecond} chunks/s for ${forMs / 1000} s; latency in milliseconds`,
  );
  const { executions, window, forMs } = SATURATION;
  return {
    title: 'The log: from append to a reader',
    how:
      'Writer and readers in one process, every chunk a 60-byte text delta with an id of its own, so that none is ' +
      'joined with a neighbour. From `append` to the callback of a reader, which gets nothing before its commit. ' +
      'Bare SQL: the same table, pool and group commit, without fence, ownership or limits.',
    tables: [
      ...live.map((outcomes, i) => ({ caption: captions[i] ?? '', lines: linesOf(outcomes) })),
      {
        caption: `Saturation: ${executions} executions, ${window} chunks of each on their way, ${forMs / 1000} s, median of ${ROUNDS}`,
        lines: linesOf(saturation),
      },
    ],
    goals: goalsOf(live, saturation),
  };
}

function linesOf(outcomes: Outcomes): Line[] {
  const bare = outcomeIn(outcomes, BARE.name).chunksPerSecond;
  return [...outcomes].map(([name, { chunksPerSecond, p50, p99, lost, doubled, disordered }]) => ({
    name,
    numbers: {
      'chunks/s': Math.round(chunksPerSecond),
      '× bare': chunksPerSecond / bare,
      p50,
      p99,
      lost,
      doubled,
      disordered,
    },
  }));
}

function goalsOf(live: readonly Outcomes[], saturation: Outcomes): Goal[] {
  const { p50, p99 } = outcomeIn(live[0] ?? new Map(), OUTLAST.name);
  const share =
    outcomeIn(saturation, OUTLAST.name).chunksPerSecond / outcomeIn(saturation, BARE.name).chunksPerSecond;
  const faults = [...live, saturation]
    .map((outcomes) => outcomeIn(outcomes, OUTLAST.name))
    .reduce((sum, { lost, doubled, disordered }) => sum + lost + doubled + disordered, 0);
  return [
    { what: 'p50 at 5,000 chunks/s', actual: p50, must: 'be at most', limit: 2, unit: 'ms' },
    { what: 'p99 at 5,000 chunks/s', actual: p99, must: 'be at most', limit: 20, unit: 'ms' },
    {
      what: 'throughput against bare SQL, a row a chunk',
      actual: share,
      must: 'be at least',
      limit: 0.7,
      unit: '×',
    },
    { what: 'chunks lost, doubled or out of order', actual: faults, must: 'be', limit: 0, unit: '' },
  ];
}

function outcomeIn(outcomes: Outcomes, name: string): Outcome {
  const outcome = outcomes.get(name);
  if (outcome === undefined) throw new Error(`${name} was not measured`);
  return outcome;
}
