import { randomInt } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import { findBinaries } from './binaries.ts';
import { type Cluster, openCluster } from './cluster.ts';
import type { EmbeddedLog } from './log.ts';
import { findPostmaster, startPostmaster } from './postmaster.ts';
import { awaitReady } from './readiness.ts';

const DEADLINE_MS = 20_000;
/** What Postgres says when it cannot have its port. With LC_ALL=C it says so in English. */
const PORT_TAKEN = 'could not create any TCP/IP sockets';
/** Backends outlive a postmaster that was killed, for a moment. */
const STILL_IN_USE = 'pre-existing shared memory block';

interface Site {
  home: string;
  account: Account;
  log: EmbeddedLog;
  settings: Record<string, string>;
}

/** A cluster that runs and answers: the one that does already, or else started now, or made and started. */
export async function ensureRunning(site: Site): Promise<{ cluster: Cluster; port: number }> {
  const begun = performance.now();
  const programs = () => findBinaries(site.home, site.account);
  const { cluster, created } = await openCluster(site.home, site.account, programs);
  const took = () => Math.round(performance.now() - begun);
  if (created) site.log.info({ dataDir: site.home, ms: took() }, 'postgres.created');
  const { port, started } = await run(site, cluster);
  site.log.info({ dataDir: site.home, port, ms: took() }, started ? 'postgres.started' : 'postgres.joined');
  return { cluster, port };
}

async function run(site: Site, cluster: Cluster): Promise<{ port: number; started: boolean }> {
  const deadline = performance.now() + DEADLINE_MS;
  const log = join(site.home, 'postgres.log');
  let port = await lastPort(cluster);
  for (;;) {
    const running = await findPostmaster(cluster.data);
    const logged = await sizeOf(log);
    const postmaster = running ?? { ...(await start(site, cluster, port)), port };
    const readiness = await awaitReady(cluster, postmaster, deadline);
    if (readiness.state === 'ready') {
      await writeFile(cluster.portFile, String(postmaster.port));
      return { port: postmaster.port, started: !running };
    }
    if (readiness.state === 'late') throw await tooLate(log, postmaster.pid, readiness.cause);
    // One that was about to stop when we came: now there is room for our own.
    if (running) continue;
    const said = await readFrom(log, logged);
    if (performance.now() > deadline) throw failed(said, log);
    if (said.includes(PORT_TAKEN)) port = anyPort();
    else if (said.includes(STILL_IN_USE)) await delay(50);
    // Another one was a moment faster, started by a process that was killed before it could let us know.
    else if (await findPostmaster(cluster.data)) continue;
    else throw failed(said, log);
  }
}

async function start(site: Site, cluster: Cluster, port: number) {
  const binaries = await findBinaries(site.home, cluster.account);
  const fixed = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' };
  return startPostmaster(binaries, cluster, site.home, { ...site.settings, ...fixed });
}

async function lastPort(cluster: Cluster): Promise<number> {
  const port = Number(await readFile(cluster.portFile, 'utf8').catch(() => ''));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : anyPort();
}

/** Below the range that systems give to outgoing connections. Whether it is free, Postgres will say. */
function anyPort(): number {
  return randomInt(20_000, 30_000);
}

async function tooLate(log: string, pid: number, cause: unknown): Promise<Error> {
  return new Error(
    `Postgres (process ${pid}) runs but did not accept a connection within ${DEADLINE_MS / 1000} s. If it is ` +
      `recovering from a crash, start again in a while. The end of ${log}:\n${tail(await readFrom(log, 0))}`,
    { cause },
  );
}

function failed(said: string, log: string): Error {
  return new Error(
    `Postgres did not start. Repair what it says below, or set DATABASE_URL. The end of ${log}:\n${tail(said)}`,
  );
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}

function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (found) => found.size,
    () => 0,
  );
}

/** What was written to the log since it had that size. */
async function readFrom(file: string, position: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => null);
  if (!handle) return '';
  try {
    const size = (await handle.stat()).size;
    // A log that is shorter than it was has been moved away and begun anew.
    const from = size < position ? 0 : Math.max(position, size - 64 * 1024);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
