import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { migrateDbos } from '../../src/dbos/migrate-dbos.ts';
import { chooseAccount } from '../../src/embedded/account.ts';
import { findBinaries } from '../../src/embedded/binaries.ts';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { silentLog } from '../../tests/support/silent-log.ts';
import { waitFor } from '../../tests/support/wait-for.ts';

export interface SlowPostgres {
  /** A migrated database. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a Postgres of its own in this folder, whose flushes take so many microseconds longer. */
export async function startSlowPostgres(
  folder: string,
  shim: string,
  flushUs: number,
): Promise<SlowPostgres> {
  const { url, home } = await makeCluster(folder);
  const account = await chooseAccount();
  const { postgres } = await findBinaries(home, account);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: new URL(url).port,
    unix_socket_directories: '',
    // The call that the shim slows down.
    wal_sync_method: 'fdatasync',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(postgres, ['-D', join(home, 'postgres', 'data'), ...args], {
    ...account,
    cwd: home,
    env: { LC_ALL: 'C', LD_PRELOAD: shim, SLOW_FLUSH_US: String(flushUs) },
    stdio: 'ignore',
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    await exited;
  };
  try {
    await waitFor(() => answers(url), { describe: 'the slow Postgres to answer' });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** Made, migrated and stopped again at full speed. */
async function makeCluster(folder: string): Promise<{ url: string; home: string }> {
  const postgres = await openEmbeddedPostgres({ dataDir: folder, log: silentLog });
  try {
    await migrate(postgres.url, [migrateDbos]);
  } finally {
    await postgres.release();
  }
  return { url: postgres.url, home: postgres.dataDir };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  return client
    .connect()
    .then(() => true)
    .catch(() => false)
    .finally(() => client.end().catch(() => undefined));
}
