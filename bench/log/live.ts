import type { Database } from '../../src/db/database.ts';
import { bare } from '../contestants/bare.ts';
import type { Rig } from '../contestants/contestant.ts';
import { DBOS_STREAMS } from '../contestants/dbos.ts';
import { OUTLAST } from '../contestants/outlast.ts';
import type { BenchContext, Findings, Goal, Scenario } from '../report/scenario.ts';
import { openBenchDatabase } from './open-bench-database.ts';
import { faultsOf, lineOf, type Outcome, p50Of, p99Of, pool } from './outcome.ts';
import { startAll } from './start-all.ts';
import { streamLive } from './stream-live.ts';

const BARE = bare('a row a chunk');
const PER_SECOND = 50;
const FOR_MS = 5000;
const ROUNDS = 2;
const LOADS = [1, 100, 500];
/** DBOS falls behind at the second: its load is short, and there is no third. */
const DBOS_FOR_MS = 3000;
const DBOS_MOST = 100;

type Outcomes = Map<string, Outcome>;

/** From append in one process to a reader over SSE on another. */
export const logLive: Scenario = { name: 'log-live', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const { db, url } = await openBenchDatabase(context);
  const rigs = await startAll([BARE, OUTLAST, DBOS_STREAMS], url, context);
  const live = new Map<number, Outcomes>();
  for (const executions of LOADS) live.set(executions, await measureLoad(db, rigs, executions, context));
  return describe(live);
}

/** In rounds, so that what changes on the machine meanwhile meets each of them. */
async function measureLoad(
  db: Database,
  rigs: ReadonlyMap<string, Rig>,
  executions: number,
  { progress }: BenchContext,
): Promise<Outcomes> {
  const rounds = new Map<string, Outcome[]>([...rigs.keys()].map((name) => [name, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, rig] of rigs) {
      const isDbos = name === DBOS_STREAMS.name;
      if (isDbos && (executions > DBOS_MOST || round < ROUNDS)) continue;
      progress(`${executions} × ${PER_SECOND}/s, ${round} of ${ROUNDS}, ${name}`);
      const load = { executions, perSecond: PER_SECOND, forMs: isDbos ? DBOS_FOR_MS : FOR_MS };
      rounds.get(name)?.push(await streamLive(db, rig, load));
    }
  }
  const measured = [...rounds].filter(([, outcomes]) => outcomes.length > 0);
  return new Map(measured.map(([name, outcomes]) => [name, pool(outcomes)]));
}

function describe(live: ReadonlyMap<number, Outcomes>): Findings {
  return {
    title: 'The log, live: from append to a reader on another process',
    how:
      'The writer in one process, the server (role `api`) in a second, a client in a third with an SSE connection ' +
      'for each execution. Every chunk is a 60-byte text delta with an id of its own, so that none is joined with ' +
      'a neighbour. Milliseconds from `append` to the event in the client. Bare SQL: the same table, group commit, ' +
      'hints and SSE with nothing else, in the same three processes. DBOS: `writeStream` in a step and ' +
      `\`readStream\` in another launched process, without SSE between, for ${DBOS_FOR_MS / 1000} s. \`others\`: what ` +
      'all else on the machine used meanwhile; where it is much, the milliseconds say little.',
    tables: [...live].map(([executions, outcomes]) => ({
      caption: `${executions} × ${PER_SECOND} chunks/s, ${ROUNDS} × ${FOR_MS / 1000} s in turns`,
      lines: [...outcomes].map(([name, outcome]) => lineOf(name, outcome)),
    })),
    goals: goalsOf(live),
  };
}

function goalsOf(live: ReadonlyMap<number, Outcomes>): Goal[] {
  const of = (executions: number, { name }: { name: string }) => live.get(executions)?.get(name) as Outcome;
  const faults = LOADS.reduce((sum, executions) => sum + faultsOf(of(executions, OUTLAST)), 0);
  const some = of(100, OUTLAST);
  const many = of(500, OUTLAST);
  const limit = of(500, BARE);
  return [
    atMost('p50 at 5,000 chunks/s', p50Of(some), 2, 'ms'),
    atMost('p99 at 5,000 chunks/s', p99Of(some), 15, 'ms'),
    atMost('p50 at 25,000 chunks/s', p50Of(many), 5, 'ms'),
    atMost('p99 at 25,000 chunks/s', p99Of(many), 30, 'ms'),
    atMost('p50 at 25,000 chunks/s against bare SQL', p50Of(many) / p50Of(limit), 3, '×'),
    atMost('p99 at 25,000 chunks/s against bare SQL', p99Of(many) / p99Of(limit), 3, '×'),
    { what: 'chunks lost, doubled or out of order', actual: faults, must: 'be', limit: 0, unit: '' },
  ];
}

function atMost(what: string, actual: number, limit: number, unit: string): Goal {
  return { what, actual, must: 'be at most', limit, unit };
}
