import { expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { transaction } from '../../src/db/database.ts';
import { isTransient } from '../../src/db/errors.ts';
import { createEngine } from '../../src/dbos/engine.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';

test('a connection that is lost before a segment is enqueued is no fault of ours: it can be tried again', async () => {
  const database = await createTestDatabase();
  const db = openPool(database.url);
  const engine = await createEngine({
    databaseUrl: database.url,
    executorId: uuidv7(),
    idleTransactionMs: 5000,
    concurrency: 0,
    freeSlots: () => 0,
    logger: silentLog,
  });
  try {
    const work = transaction(db, async (tx) => {
      const { rows } = await tx.$client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await tx.$client.query('SELECT 1').catch(() => undefined);
      await engine.dispatch(tx, uuidv7(), 1);
    });
    expect(isTransient(await work.catch((error: unknown) => error))).toBe(true);
  } finally {
    await engine.shutdown();
    await db.close();
    await database.drop();
  }
});
