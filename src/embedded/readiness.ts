import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Cluster, OWNER } from './cluster.ts';
import { isAlive, type ProcessIdentity } from './processes.ts';

const POLL_MS = 10;
const CONNECT_TIMEOUT_MS = 2_000;
/** SQLSTATE of a database that does not exist. */
const NO_SUCH_DATABASE = '3D000';

/** What became of a Postgres that should get ready. */
export type Readiness = { state: 'ready' } | { state: 'gone' } | { state: 'late'; cause: unknown };

/** The address of a database of the cluster, with its password. */
export function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${OWNER}:${encodeURIComponent(cluster.password)}@127.0.0.1:${port}/${database}`;
}

/** Tries to connect until it works, the process has ended, or the deadline (of `performance.now()`) is over. */
export async function awaitReady(
  cluster: Cluster,
  postmaster: ProcessIdentity & { port: number },
  deadline: number,
): Promise<Readiness> {
  for (;;) {
    try {
      if (await answers(cluster, postmaster.port)) return { state: 'ready' };
    } catch (cause) {
      if (performance.now() > deadline) return { state: 'late', cause };
    }
    if (!(await isAlive(postmaster))) return { state: 'gone' };
    if (performance.now() > deadline) return { state: 'late', cause: null };
    await delay(POLL_MS);
  }
}

/** Whether the one that answers on this port is the Postgres of this data folder, and no other. */
async function answers(cluster: Cluster, port: number): Promise<boolean> {
  try {
    return await query(urlOf(cluster, port, 'outlast'), async (client) => {
      const { rows } = await client.query(`SELECT current_setting('data_directory') AS folder`);
      return isSamePath(rows[0].folder, cluster.data);
    });
  } catch (error) {
    if ((error as { code?: string }).code !== NO_SUCH_DATABASE) throw error;
  }
  await query(urlOf(cluster, port, 'postgres'), (client) => client.query('CREATE DATABASE outlast'));
  return false;
}

/** Postgres on Windows answers with forward slashes. */
function isSamePath(answered: string, expected: string): boolean {
  return answered === expected || answered === expected.replaceAll('\\', '/');
}

async function query<T>(url: string, ask: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks after its answer must not take the process down.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await ask(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
