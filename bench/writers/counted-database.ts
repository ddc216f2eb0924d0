import { type Database, openDatabase } from '../../src/db/database.ts';

/** A database that counts how often it ran the statement of this name. */
export interface CountedDatabase extends Database {
  readonly ran: number;
}

export function openCountedDatabase(url: string, statement: string): CountedDatabase {
  const db = openDatabase({
    url,
    poolSize: 20,
    idleTransactionMs: 4000,
    onError: (error) => console.error(error),
  });
  let ran = 0;
  const query = db.pool.query.bind(db.pool) as unknown as (...args: unknown[]) => unknown;
  db.pool.query = ((...args: unknown[]) => {
    if ((args[0] as { name?: string }).name === statement) ran += 1;
    return query(...args);
  }) as typeof db.pool.query;
  return {
    ...db,
    get ran() {
      return ran;
    },
  };
}
