import { bare } from '../contestants/bare.ts';
import { DBOS_STREAMS } from '../contestants/dbos.ts';
import { OUTLAST } from '../contestants/outlast.ts';
import type { BenchContext, Findings, Goal, Scenario } from '../report/scenario.ts';
import { compareSaturation, tableOfSaturation } from './compare-saturation.ts';
import { openBenchDatabase } from './open-bench-database.ts';
import { faultsOf, type Outcome } from './outcome.ts';
import { startAll } from './start-all.ts';

const BARE = bare('a row a chunk');
const DURABLE = { rounds: 3, isRead: false };
const READ = { rounds: 2, isRead: true };

/** How much a writer makes durable. */
export const logSaturate: Scenario = { name: 'log-saturate', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const { db, url } = await openBenchDatabase(context);
  const rigs = await startAll([BARE, bare('a row a batch'), OUTLAST, DBOS_STREAMS], url, context);
  const durable = await compareSaturation(db, rigs, DURABLE, context.progress);
  const readable = new Map([...rigs].filter(([name]) => name === BARE.name || name === OUTLAST.name));
  const read = await compareSaturation(db, readable, READ, context.progress);
  return {
    title: 'The log, saturated: how much one process makes durable',
    how:
      'One writing process, chunks as in log-live, medians of rounds in turns. Without readers, what counts is ' +
      'committed within the measured time; with them, what they got in it. Afterwards the table is held against ' +
      'what was sent, chunk by chunk.',
    tables: [tableOfSaturation(durable, BARE.name, DURABLE), tableOfSaturation(read, BARE.name, READ)],
    goals: goalsOf(durable, read),
  };
}

function goalsOf(durable: ReadonlyMap<string, Outcome>, read: ReadonlyMap<string, Outcome>): Goal[] {
  const of = ({ name }: { name: string }) => durable.get(name) as Outcome;
  const { chunksPerSecond } = of(OUTLAST);
  return [
    {
      what: 'throughput against bare SQL, a row a chunk',
      actual: chunksPerSecond / of(BARE).chunksPerSecond,
      must: 'be at least',
      limit: 0.6,
      unit: '×',
    },
    {
      what: 'throughput against DBOS streams',
      actual: chunksPerSecond / of(DBOS_STREAMS).chunksPerSecond,
      must: 'be at least',
      limit: 25,
      unit: '×',
    },
    {
      what: 'chunks lost, doubled or out of order',
      actual: faultsOf(of(OUTLAST)) + faultsOf(read.get(OUTLAST.name) as Outcome),
      must: 'be',
      limit: 0,
      unit: '',
    },
  ];
}
