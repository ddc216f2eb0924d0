import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { packageFolder } from '../config/package.ts';
import { ensureAppRole, grantToApp } from './app-role.ts';
import type { Database } from './database.ts';

/** `outlast` in ASCII: the advisory lock that one migrating process holds. */
const MIGRATION_LOCK = 0x6f75746c617374n;
const MIGRATIONS = fileURLToPath(new URL('drizzle', packageFolder));
const RETRY_MS = 100;
const GIVE_UP_MS = 120_000;

/** Brings a schema that is not ours, such as DBOS's, to its newest version; the application's role is there by then. */
export type ForeignMigration = (databaseUrl: string) => Promise<void>;

/**
 * Brings the database to the newest schema, ours and the foreign ones, with the role of the application and what it
 * may do; safe when many processes boot at once.
 * The lock is tried, never waited for: a session that waits holds a snapshot, for which DBOS's
 * CREATE INDEX CONCURRENTLY would wait in turn, for ever.
 * @throws Error when another process still holds the lock after two minutes.
 */
export async function migrate(databaseUrl: string, foreign: ForeignMigration[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'outlast migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await refuseTransactionPooler(client);
    await takeLock(client);
    await ensureAppRole(client);
    for (const migration of foreign) await migration(databaseUrl);
    await applyMigrations(drizzle(client), {
      migrationsFolder: MIGRATIONS,
      migrationsSchema: 'outlast',
      migrationsTable: 'migrations',
    });
    await grantToApp(client);
  } finally {
    await client.end();
  }
}

/** True when every migration that this version of Outlast has is in the database. */
export async function isAtHead(db: Database): Promise<boolean> {
  const { rows } = await db.orm.execute<{ newest: string | null }>(
    sql`SELECT max(created_at) AS newest FROM outlast.migrations`,
  );
  newest ??= newestMigration();
  return Number(rows[0]?.newest) >= newest;
}

let newest: number | undefined;

/** When the newest migration was made, in milliseconds: by this drizzle tells them apart. */
function newestMigration(): number {
  return Math.max(
    ...readMigrationFiles({ migrationsFolder: MIGRATIONS }).map(({ folderMillis }) => folderMillis),
  );
}

async function takeLock(client: pg.Client): Promise<void> {
  const deadline = Date.now() + GIVE_UP_MS;
  while (Date.now() < deadline) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      MIGRATION_LOCK,
    ]);
    if (rows[0]?.locked === true) return;
    await delay(RETRY_MS);
  }
  throw new Error(
    'Another process has been migrating this database for two minutes; look at pg_stat_activity',
  );
}

/** A pooler in transaction mode gives each statement another session, on which neither locks nor LISTEN work. */
async function refuseTransactionPooler(client: pg.Client): Promise<void> {
  const pids = new Set<number>();
  await client.query("SET application_name = 'outlast pooler check'");
  for (let i = 0; i < 3; i++) {
    const { rows } = await client.query<{ pid: number; name: string }>(
      "SELECT pg_backend_pid() AS pid, current_setting('application_name') AS name",
    );
    if (rows[0]?.name !== 'outlast pooler check') pids.add(-1);
    pids.add(rows[0]?.pid ?? 0);
  }
  if (pids.size > 1) {
    throw new Error(
      'DATABASE_URL leads to a pooler in transaction mode; give a direct or session-mode connection',
    );
  }
}
