/**
 * The Postgres that Outlast brings along, for when DATABASE_URL is not set.
 *
 * P1 It is no child: it outlives the server that started it, is used again by the next one, and is stopped by
 *    the last holder that releases it.
 * P2 Everything that looks at or changes the state of the cluster (make, start, register, release, stop)
 *    happens under one lock between processes.
 * P3 A pid that was read from a file counts only together with a proof of whose it is.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseAccount } from './account.ts';
import { countHolders, registerHolder } from './holders.ts';
import { findHome } from './home.ts';
import { withLock } from './lock.ts';
import type { EmbeddedLog } from './log.ts';
import { findPostmaster, stopPostmaster } from './postmaster.ts';
import { urlOf } from './readiness.ts';
import { ensureRunning } from './start.ts';

export interface EmbeddedPostgresOptions {
  /** OUTLAST_DATA_DIR; the cluster is below it, in `postgres/`. */
  dataDir: string;
  log: EmbeddedLog;
  /** Server settings of this start, above those in postgresql.conf. No effect on one that already runs. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** Address of the database `outlast`, for its superuser, with the password. */
  url: string;
  /** Where the data really is: not where it was asked for when `notice` says so. */
  dataDir: string;
  /** Something that the person who starts the server should read, or null. */
  notice: string | null;
  /** Gives it up, and stops Postgres if nobody else uses it. Safe to call twice. */
  release(): Promise<void>;
}

/** Opens the Postgres of a data folder: makes it, starts it, or joins the one that runs. */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, settings = {} } = options;
  const account = await chooseAccount();
  const { path: home, notice } = await findHome(dataDir, account);
  return withLock(lockOf(home), async () => {
    const { cluster, port } = await ensureRunning({ home, account, log, settings });
    const holder = await registerHolder(holdersOf(home));
    let released: Promise<void> | undefined;
    const release = () => {
      released ??= leave(home, holder, log);
      return released;
    };
    return { url: urlOf(cluster, port, 'outlast'), dataDir: home, notice, release };
  });
}

/** Stops the Postgres of a data folder unless a living process holds it. True: none runs (any more). */
export async function stopUnusedPostgres(dataDir: string, log: EmbeddedLog): Promise<boolean> {
  const { path: home } = await findHome(dataDir, await chooseAccount());
  return withLock(lockOf(home), () => stopIfUnused(home, log));
}

async function leave(home: string, holder: string, log: EmbeddedLog): Promise<void> {
  await withLock(lockOf(home), async () => {
    await rm(holder, { force: true });
    await stopIfUnused(home, log);
  });
}

async function stopIfUnused(home: string, log: EmbeddedLog): Promise<boolean> {
  if ((await countHolders(holdersOf(home))) > 0) return false;
  const data = join(home, 'postgres', 'data');
  const postmaster = await findPostmaster(data);
  if (!postmaster) return true;
  const stopped = await stopPostmaster(postmaster, data, home);
  if (stopped) log.info({ dataDir: home, pid: postmaster.pid }, 'postgres.stopped');
  else log.warn({ dataDir: home, pid: postmaster.pid }, 'postgres.still_stopping');
  return stopped;
}

function lockOf(home: string): string {
  return join(home, 'postgres.lock');
}

function holdersOf(home: string): string {
  return join(home, 'postgres-users');
}
