import { bare } from '../contestants/bare.ts';
import { OUTLAST } from '../contestants/outlast.ts';
import type { BenchContext, Findings, Scenario } from '../report/scenario.ts';
import { timeCommit } from '../slow-disk/time-commit.ts';
import { measureByWriters, tableByWriters } from './by-writers.ts';
import { openBenchDatabase } from './open-bench-database.ts';
import { faultsOf } from './outcome.ts';
import { startAll } from './start-all.ts';

/** The same load from more and more processes. */
export const logWriters: Scenario = { name: 'log-writers', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const { db, url } = await openBenchDatabase(context);
  const commitMs = await timeCommit(db);
  const rigs = await startAll([bare('a row a chunk'), OUTLAST], url, context);
  const measured = await measureByWriters(db, rigs, context.progress);
  const own = measured.filter(({ name }) => name === OUTLAST.name);
  return {
    title: 'The log, live, from several writing processes',
    how: `As log-live; a commit of one row took ${commitMs.toFixed(2)} ms before.`,
    tables: [tableByWriters(measured)],
    goals: [
      {
        what: 'chunks lost, doubled or out of order',
        actual: own.reduce((sum, { outcome }) => sum + faultsOf(outcome), 0),
        must: 'be',
        limit: 0,
        unit: '',
      },
    ],
  };
}
