import type { Logger } from 'pino';
import type { Closers } from './close-all.ts';
import type { Config } from './config/config.ts';
import { APP_ROLE } from './db/app-role.ts';
import { type Database, ofTenant, openDatabase } from './db/database.ts';

/** The log writer and the watch have one each most of the time; the rest is for short looks and claims. */
const SYSTEM_POOL_SIZE = 6;

/**
 * What belongs to a tenant is worked on as the application's role. What comes before the tenant is known, and what
 * serves all at once (log writer, watches, sweeper, healers, maintenance, notifications), sees everything through a
 * few connections of its own.
 */
export function openPools(config: Config, logger: Logger, url: string, closers: Closers) {
  const db = openPool(config, logger, url, SYSTEM_POOL_SIZE);
  closers.push(() => db.close());
  const app = openPool(config, logger, url, config.DATABASE_POOL_SIZE, APP_ROLE);
  closers.push(() => app.close());
  return { db, databaseOf: (tenantId: string) => ofTenant(app, tenantId) };
}

export function openPool(
  config: Config,
  logger: Logger,
  url: string,
  poolSize: number,
  role?: string,
): Database {
  return openDatabase({
    url,
    poolSize,
    ...(role === undefined ? {} : { role }),
    idleTransactionMs: idleTransactionMs(config),
    onError: (error) => logger.warn({ err: error }, 'database.connection-lost'),
  });
}

/** Below the lease time, so that a process that is frozen inside a transaction does not block its own takeover. */
export function idleTransactionMs(config: Config): number {
  return Math.max(100, Math.round(config.WORKER_DEAD_AFTER_MS * 0.8));
}
