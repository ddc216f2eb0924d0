import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Binaries, findBinaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { bareEnvironment } from './environment.ts';
import { bornOf, isAlive, isPidTaken, isPostmasterOf, type ProcessIdentity } from './processes.ts';

const run = promisify(execFile);
const STOP_DEADLINE_MS = 30_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** The main process of a Postgres, as its own postmaster.pid names it. */
export interface Postmaster extends ProcessIdentity {
  port: number;
}

/** The Postgres that runs on this data folder, or null. */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  const lines = await readPidFile(data);
  const pid = Number(lines?.[0]);
  const port = Number(lines?.[3]);
  if (!pid || !(await isPostmasterOf(pid, data))) return null;
  const born = await bornOf(pid);
  return born === null ? null : { pid, born, port };
}

/** Starts Postgres as a process that outlives this one. Whether it gets ready is for the caller to find out. */
export async function startPostmaster(
  binaries: Binaries,
  cluster: Cluster,
  home: string,
  settings: Record<string, string>,
): Promise<ProcessIdentity> {
  await disownPidFile(cluster.data);
  const log = await openLog(join(home, 'postgres.log'));
  try {
    const args = ['-D', cluster.data];
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
    const child = spawn(binaries.postgres, args, {
      ...cluster.account,
      // A session of its own: neither Ctrl-C in our terminal nor our death reaches it.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: home,
      env: bareEnvironment(),
      windowsHide: true,
    });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, born: (await bornOf(pid)) ?? 'gone' };
  } finally {
    await log.close();
  }
}

/** Stops Postgres (fast: sessions are cut, nothing committed is lost). False: it was told, but takes long. */
export async function stopPostmaster(postmaster: Postmaster, data: string, home: string): Promise<boolean> {
  // Windows has no signals: there pg_ctl knows another way. Elsewhere pg_ctl would refuse to run as root.
  if (process.platform === 'win32') {
    const { pgCtl } = await findBinaries(home, {});
    await run(pgCtl, ['stop', '-D', data, '-m', 'fast', '-W']);
  } else {
    process.kill(postmaster.pid, 'SIGINT');
  }
  const deadline = performance.now() + STOP_DEADLINE_MS;
  while (await isAlive(postmaster)) {
    if (performance.now() > deadline) return false;
    await delay(5);
  }
  return true;
}

async function readPidFile(data: string): Promise<string[] | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => null);
  return text === null ? null : text.split('\n');
}

/**
 * Postgres refuses to start while the pid in postmaster.pid is taken, though another program may have got that
 * number by now, or a postmaster that was killed may still wait for its parent to take notice (a zombie; for ever
 * in a container whose first process does not). A pid that nobody has is no obstacle. The file is not deleted: it
 * also holds the key of the shared memory, by which Postgres sees backends that have outlived a killed postmaster.
 * So the pid in it is replaced by the one that Postgres takes for harmless in any case: its parent's, ours.
 */
async function disownPidFile(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const lines = await readPidFile(data);
  const pid = Number(lines?.[0]);
  if (lines === null || !isPidTaken(pid) || (await isPostmasterOf(pid, data))) return;
  if (process.platform === 'win32') return rm(file, { force: true });
  await writeFile(file, [process.pid, ...lines.slice(1)].join('\n'));
}

async function openLog(file: string) {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return open(file, 'a', 0o644);
}
