import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import type { Database } from '../../src/db/database.ts';
import { resolveThreadCursor } from '../../src/threads/thread-cursor.ts';
import { insertRunning, openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

test('an execution that begins while a reader without a cursor is placed is still to be told', async () => {
  const { executionId } = await insertRunning(db);
  const { rows } = await db.pool.query(
    `UPDATE outlast.workflow_executions SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 7
     WHERE id = $1 RETURNING thread_no`,
    [executionId],
  );
  const threadNo = Number(rows[0].thread_no);
  const busy = afterFirstQuery(db, () =>
    db.pool.query(
      `INSERT INTO outlast.workflow_executions
         (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
          input)
       SELECT $1, tenant_id, owner_id, thread_no, 2, 'new', 'new', agent_id, source, 'queued', 1, input
       FROM outlast.workflow_executions WHERE id = $2`,
      [uuidv7(), executionId],
    ),
  );
  expect(await resolveThreadCursor(busy, threadNo, undefined)).toEqual({
    ordinal: 1,
    seq: 7,
    messagesAfter: 1,
  });
  expect(await resolveThreadCursor(db, threadNo, undefined)).toEqual({
    ordinal: 2,
    seq: 0,
    messagesAfter: 1,
  });
});

/** A database in which something happens right after the first statement. */
function afterFirstQuery(real: Database, happens: () => Promise<unknown>): Database {
  let isFirst = true;
  const query = async (text: string, values: unknown[]) => {
    const result = await real.pool.query(text, values);
    if (isFirst) await happens();
    isFirst = false;
    return result;
  };
  return { ...real, pool: { query } as unknown as Database['pool'] };
}
