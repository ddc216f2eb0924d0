import { readdir, readFile } from 'node:fs/promises';
import { type Database, runQuery } from '../../src/db/database.ts';

/**
 * How many cores each part kept busy, by its name, and `others` those of all else on the machine; empty where the
 * system does not tell (it must have /proc).
 */
export type Cores = Readonly<Record<string, number>>;

/** The processes of each part. */
export type Parts = Readonly<Record<string, readonly number[]>>;

/** Of the clock that /proc counts in, a second. Fixed on Linux. */
const TICKS = 100;
const EVERY_PROCESS = /^\d+$/;

/** Starts to measure; the function that comes back ends it and tells the cores that were busy meanwhile. */
export async function meterCpu(parts: Parts, postmaster: number): Promise<() => Promise<Cores>> {
  if (process.platform !== 'linux') return async () => ({});
  const startedAt = performance.now();
  const before = await readAll(parts, postmaster);
  return async () => {
    const after = await readAll(parts, postmaster);
    const seconds = (performance.now() - startedAt) / 1000;
    return Object.fromEntries(
      Object.entries(after).map(([name, ticks]) => [
        name,
        // Ticks are coarse: what is left for others may come out a little below nothing.
        Math.max(0, ticks - (before[name] ?? 0)) / TICKS / seconds,
      ]),
    );
  };
}

/** The main process of the Postgres that this database is in: the parent of each of its sessions. */
export async function findPostmasterOf(db: Database): Promise<number> {
  const [row] = await runQuery<{ pid: number }>(db, {
    name: 'bench-pid',
    text: 'SELECT pg_backend_pid() AS pid',
    values: [],
  });
  return process.platform === 'linux' ? ((await readStat(row?.pid ?? 0))?.parent ?? 0) : 0;
}

async function readAll(parts: Parts, postmaster: number): Promise<Record<string, number>> {
  const ticks: Record<string, number> = {};
  for (const [name, pids] of Object.entries(parts)) {
    const stats = await Promise.all(pids.map(readStat));
    ticks[name] = stats.reduce((sum, stat) => sum + (stat?.own ?? 0), 0);
  }
  ticks['Postgres'] = await readPostgres(postmaster);
  const ours = Object.values(ticks).reduce((sum, part) => sum + part, 0);
  return { ...ticks, others: (await readMachine()) - ours };
}

/** All that the processors did: what is more than the parts is noise in their numbers. */
async function readMachine(): Promise<number> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user + nice + system + irq + softIrq;
}

/** The postmaster, its living children, and those that it has buried. */
async function readPostgres(postmaster: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => EVERY_PROCESS.test(name)).map(Number);
  const stats = await Promise.all(pids.map(readStat));
  return stats.reduce((sum, stat) => {
    if (stat?.pid === postmaster) return sum + stat.own + stat.buried;
    return stat?.parent === postmaster ? sum + stat.own : sum;
  }, 0);
}

interface Stat {
  pid: number;
  parent: number;
  own: number;
  buried: number;
}

async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name in parentheses may hold anything; the fields after it begin with the third, the state.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { pid, parent: fields[1] ?? 0, own: user + system, buried: childUser + childSystem };
}
