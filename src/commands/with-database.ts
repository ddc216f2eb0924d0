import type { Config } from '../config/config.ts';
import { createLogger } from '../config/logger.ts';
import { type Executor, openDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { migrateDbos } from '../dbos/migrate-dbos.ts';
import { openEmbeddedPostgres } from '../embedded/postgres.ts';

/** Does something in the database that the server uses. */
export type Task = (db: Executor) => Promise<void>;

/** Opens the database of the configuration for one task. It may be what a server waits for to be started first. */
export async function withDatabase(config: Config, task: Task): Promise<void> {
  const logger = createLogger({ ...config, LOG_LEVEL: 'warn' });
  const embedded =
    config.DATABASE_URL === undefined
      ? await openEmbeddedPostgres({ dataDir: config.OUTLAST_DATA_DIR, log: logger })
      : undefined;
  // oxlint-disable-next-line eslint/no-console -- DBOS tells of its migrations by it; stdout is for what was asked for
  console.log = console.error;
  try {
    const url = config.DATABASE_URL ?? embedded?.url ?? '';
    await migrate(url, [migrateDbos]);
    const db = openDatabase({ url, poolSize: 1, idleTransactionMs: 5000, onError: () => undefined });
    await task(db.orm).finally(() => db.close());
  } finally {
    await embedded?.release();
  }
}
