import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Database } from '../../src/db/database.ts';
import { handOverOwned } from '../../src/executions/hand-over-owned.ts';
import { createOwned, executionOf, recordDispatch } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';

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

test('a drain counts the attempt that it ends, and none that was not there any more', async () => {
  const reasons: string[] = [];
  const deps = {
    db,
    dispatch: recordDispatch().dispatch,
    discard: async () => undefined,
    logger: silentLog,
    metrics: { finished: () => undefined, attemptEnded: (reason: string) => void reasons.push(reason) },
  };
  const [owned, lost] = [await createOwned(db), await createOwned(db)];
  await handOverOwned(deps, owned);
  expect(await executionOf(db, owned.claimed.id)).toMatchObject({ status: 'queued' });
  await db.pool.query('UPDATE outlast.workflow_executions SET attempt = attempt + 1 WHERE id = $1', [
    lost.claimed.id,
  ]);
  await handOverOwned(deps, lost);
  expect(reasons).toEqual(['drained']);
});
