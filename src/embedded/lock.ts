/**
 * A lock between processes that share a folder. It dies with its holder: no time-out, no heartbeat.
 *
 * K1 The lock is a folder; it is held exactly while it holds a file. Taking it is the rename of a prepared,
 *    non-empty folder onto it, which the file system does for one caller only and only while it is empty.
 * K2 The file in it names the holder (pid and birth) and was complete before the rename.
 * K3 Each holder's file has a name of its own, so that removing the file of a dead holder can never hit the
 *    one of its successor. (Removing "the" lock file by a fixed name can: two waiters see the same dead
 *    holder, the slower one removes the lock of the faster.)
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bornOf, isAlive, ownIdentity, type ProcessIdentity } from './processes.ts';

const POLL_MS = 15;
/** Long enough for what is done under the lock: initdb on a slow disk, or a start that waits for recovery. */
const DEADLINE_MS = 90_000;

/** Runs `work` while no other caller, of this process or another one, holds the lock at `path`. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const unlock = await acquire(path);
  try {
    return await work();
  } finally {
    await unlock();
  }
}

async function acquire(path: string): Promise<() => Promise<void>> {
  const name = `${process.pid}-${randomUUID()}`;
  const prepared = `${path}.${name}`;
  await mkdir(dirname(path), { recursive: true });
  await mkdir(prepared);
  try {
    await writeFile(join(prepared, name), JSON.stringify(await ownIdentity()));
    await waitAndTake(prepared, path);
  } catch (error) {
    await rm(prepared, { recursive: true, force: true });
    throw error;
  }
  await sweepPrepared(path);
  return () => vacate(path, name);
}

/** What processes leave behind that are killed while they wait. */
async function sweepPrepared(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const entry of await names(dirname(path))) {
    if (!entry.startsWith(prefix)) continue;
    const pid = Number.parseInt(entry.slice(prefix.length), 10);
    if ((await bornOf(pid)) === null) await rm(join(dirname(path), entry), { recursive: true, force: true });
  }
}

async function waitAndTake(prepared: string, path: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await take(prepared, path))) {
    const holder = await expelDeadHolder(path);
    if (holder === null) continue;
    if (performance.now() > deadline) {
      throw new Error(
        `Process ${holder.pid} has held the lock ${path} for ${DEADLINE_MS / 1000} s. ` +
          'It is starting or stopping Postgres; if it hangs, end it and start again.',
      );
    }
    await delay(POLL_MS);
  }
}

async function take(prepared: string, path: string): Promise<boolean> {
  // Only an empty folder is removed by this; POSIX would rename over it, Windows does not.
  await rmdir(path).catch(() => undefined);
  try {
    await rename(prepared, path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const held = process.platform === 'win32' ? ['EPERM', 'EACCES', 'EEXIST'] : ['ENOTEMPTY', 'EEXIST'];
    if (held.includes(code)) return false;
    throw error;
  }
}

/** The living holder, or null when there is none (any more). */
async function expelDeadHolder(path: string): Promise<ProcessIdentity | null> {
  for (const name of await names(path)) {
    const text = await readFile(join(path, name), 'utf8').catch(() => null);
    if (text === null) continue;
    const holder = parseIdentity(text);
    if (holder && (await isAlive(holder))) return holder;
    await vacate(path, name);
  }
  return null;
}

async function vacate(path: string, name: string): Promise<void> {
  await unlink(join(path, name)).catch(ignoreMissing);
  await rmdir(path).catch(() => undefined);
}

function names(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}

/** Reads what {@link ownIdentity} wrote; null for anything else, such as a file cut short by a crash. */
export function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const { pid, born } = JSON.parse(text);
    return typeof pid === 'number' && typeof born === 'string' ? { pid, born } : null;
  } catch {
    return null;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
