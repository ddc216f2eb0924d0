import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { migrateDbos } from '../../src/dbos/migrate-dbos.ts';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { makeTestFolder, removeTestFolder, sweepTestFolders } from './folders.ts';
import { silentLog } from './silent-log.ts';

const TEMPLATE = 'outlast_template';
/** Tells the Jest workers, which inherit the environment, where the Postgres of this test run is. */
const ADDRESS = 'OUTLAST_TEST_POSTGRES';

export interface TestPostgres {
  url: string;
  stop(): Promise<void>;
}

/** Starts the Postgres of a whole test run, with a migrated template. Call it once, in Jest's global setup. */
export async function startTestPostgres(): Promise<TestPostgres> {
  await sweepTestFolders();
  const folder = await makeTestFolder();
  // The tests are about durability, so that fsync stays on unless somebody asks for speed.
  const settings: Record<string, string> = process.env.OUTLAST_TEST_FSYNC === 'off' ? { fsync: 'off' } : {};
  const postgres = await openEmbeddedPostgres({ dataDir: folder, log: silentLog, settings });
  const stop = async () => {
    await postgres.release();
    await removeTestFolder(folder);
  };
  try {
    await query(postgres.url, `CREATE DATABASE ${TEMPLATE}`);
    await migrate(databaseUrl(postgres.url, TEMPLATE), [migrateDbos]);
  } catch (error) {
    await stop();
    throw error;
  }
  process.env[ADDRESS] = postgres.url;
  return { url: postgres.url, stop };
}

export interface TestDatabase {
  url: string;
  /** Cuts open sessions and deletes it. Twice is fine. */
  drop(): Promise<void>;
}

/** A database of one's own, about 50 ms, migrated unless `empty`. Can be called in any Jest worker. */
export async function createTestDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const server = process.env[ADDRESS];
  if (!server)
    throw new Error(`${ADDRESS} is not set: run this under Jest, whose global setup starts Postgres.`);
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(server, `CREATE DATABASE ${name} TEMPLATE ${empty ? 'template1' : TEMPLATE}`);
  const drop = () => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  return { url: databaseUrl(server, name), drop };
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
