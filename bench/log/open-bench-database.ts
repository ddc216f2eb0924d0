import { type Database, openDatabase } from '../../src/db/database.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import type { BenchContext } from '../report/scenario.ts';

/** A new database, and a connection to it for what the bench itself has to ask. */
export async function openBenchDatabase({
  progress,
  defer,
}: BenchContext): Promise<{ db: Database; url: string }> {
  const { url, drop } = await createTestDatabase();
  defer(drop);
  return { db: connect(url, { progress, defer }), url };
}

export function connect(url: string, { progress, defer }: BenchContext): Database {
  const db = openDatabase({
    url,
    poolSize: 4,
    idleTransactionMs: 60_000,
    onError: (error) => progress(error.message),
  });
  defer(() => db.close());
  return db;
}
