import { setTimeout as delay } from 'node:timers/promises';
import { type Database, runQuery } from '../../src/db/database.ts';
import { type Cores, meterCpu } from '../processes/cpu-meter.ts';

/** Two rounds of the rarest thing that a worker looks for. */
const WATCHED_MS = 20_000;
/** For what a process does when it has just started. */
const SETTLE_MS = 2000;
/** Postgres tells what a session did a second late at most. */
const STATISTICS_MS = 1500;

/** What a process does that nobody asks for anything. */
export interface Idle {
  /** Single statements are a transaction each. */
  readonly transactionsPerSecond: number;
  readonly cores: Cores;
}

/** Watches a process that is the only one in its database. @param statistics a connection to another database */
export async function watchIdle(
  { pid, databaseUrl }: { pid: number; databaseUrl: string },
  statistics: Database,
  postmaster: number,
): Promise<Idle> {
  await delay(SETTLE_MS);
  const database = new URL(databaseUrl).pathname.slice(1);
  const endMeter = await meterCpu({ process: [pid] }, postmaster);
  const before = await countTransactions(statistics, database);
  await delay(WATCHED_MS);
  const after = await countTransactions(statistics, database);
  return {
    transactionsPerSecond: ((after.count - before.count) / (after.at - before.at)) * 1000,
    cores: await endMeter(),
  };
}

async function countTransactions(db: Database, database: string): Promise<{ count: number; at: number }> {
  await delay(STATISTICS_MS);
  const [row] = await runQuery<{ count: number }>(db, {
    name: 'bench-transactions',
    text: 'SELECT (xact_commit + xact_rollback)::float8 AS count FROM pg_stat_database WHERE datname = $1',
    values: [database],
  });
  return { count: row?.count ?? 0, at: performance.now() };
}
