import { makeTestFolder, removeTestFolder } from '../../tests/support/folders.ts';
import { bare } from '../contestants/bare.ts';
import { OUTLAST } from '../contestants/outlast.ts';
import type { BenchContext, Findings, Goal, Scenario } from '../report/scenario.ts';
import { buildShim } from '../slow-disk/build-shim.ts';
import { startSlowPostgres } from '../slow-disk/start-slow-postgres.ts';
import { timeCommit } from '../slow-disk/time-commit.ts';
import { measureByWriters, tableByWriters } from './by-writers.ts';
import { compareSaturation, tableOfSaturation } from './compare-saturation.ts';
import { connect } from './open-bench-database.ts';
import { faultsOf } from './outcome.ts';
import { startAll } from './start-all.ts';

const BARE = bare('a row a chunk');
const SATURATION = { rounds: 1, isRead: false };
const FLUSH_US = 1500;
const TITLE = 'The log on a slower disk';

/** What a disk that is reached over a network makes of it: 0.5 to 3 ms a flush there. */
export const logSlowDisk: Scenario = { name: 'log-slow-disk', measure };

async function measure(context: BenchContext): Promise<Findings> {
  const folder = await makeTestFolder();
  context.defer(() => removeTestFolder(folder));
  const shim = await buildShim(folder);
  if ('missing' in shim) return notMeasured(shim.missing, context);
  const postgres = await startSlowPostgres(folder, shim.path, FLUSH_US);
  context.defer(() => postgres.stop());
  const db = connect(postgres.url, context);
  const commitMs = await timeCommit(db);
  const live = await startAll([BARE, OUTLAST], postgres.url, context);
  const measured = await measureByWriters(db, live, context.progress);
  const batches = await startAll([bare('a row a batch')], postgres.url, context);
  const saturation = await compareSaturation(
    db,
    new Map([...live, ...batches]),
    SATURATION,
    context.progress,
  );
  const own = measured.filter(({ name }) => name === OUTLAST.name).map(({ outcome }) => outcome);
  const saturated = saturation.get(OUTLAST.name);
  const faults = [...own, ...(saturated === undefined ? [] : [saturated])];
  return {
    title: TITLE,
    how:
      `A Postgres of its own with a shim (LD_PRELOAD) that makes each fsync and fdatasync ${FLUSH_US / 1000} ms ` +
      `longer; a commit of one row took ${commitMs.toFixed(2)} ms. Else as log-writers and log-saturate.`,
    tables: [tableByWriters(measured), tableOfSaturation(saturation, BARE.name, SATURATION)],
    goals: [noFaults(faults.reduce((sum, outcome) => sum + faultsOf(outcome), 0)), slowEnough(commitMs)],
  };
}

function noFaults(actual: number): Goal {
  return { what: 'chunks lost, doubled or out of order', actual, must: 'be', limit: 0, unit: '' };
}

/** Else the shim was not at work, and all of this is about a fast disk. */
function slowEnough(actual: number): Goal {
  return { what: 'a commit of one row', actual, must: 'be at least', limit: FLUSH_US / 1000, unit: 'ms' };
}

function notMeasured(why: string, { progress }: BenchContext): Findings {
  progress(`NOT MEASURED: ${why}`);
  return { title: TITLE, how: `NOT MEASURED: ${why}.`, tables: [], goals: [] };
}
