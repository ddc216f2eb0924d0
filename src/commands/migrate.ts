import type { Config } from '../config/config.ts';
import { migrate } from '../db/migrate.ts';
import { migrateDbos } from '../dbos/migrate-dbos.ts';

/** Brings the database to the newest schema and ends; `start` does the same by itself. */
export async function migrateDatabase(config: Config): Promise<void> {
  if (config.DATABASE_URL === undefined)
    throw new Error('DATABASE_URL is not set; the embedded Postgres migrates at start');
  await migrate(config.DATABASE_URL, [migrateDbos]);
  process.stdout.write('The database is at the newest schema.\n');
}
