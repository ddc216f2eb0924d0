import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/database.ts';
import type { Stuck } from '../../src/executions/hand-over.ts';
import { type SegmentHealth, Sweeper, type SweeperOptions } from '../../src/workers/sweeper.ts';
import {
  claim,
  createIn,
  executionOf,
  insertWorker,
  type RecordedDispatch,
  recordDispatch,
} from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';

/** Longer than the Postgres of a test run is up. */
const DEAD_AFTER_MS = 86_400_000;

let database: TestDatabase;
let db: Database;
let recorded: RecordedDispatch;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 20);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

beforeEach(() => {
  recorded = recordDispatch();
});

function makeSweeper(options: Partial<SweeperOptions> = {}): Sweeper {
  return new Sweeper({
    db,
    workerId: 'sweeper',
    place: { host: 'here', pidNamespace: 'here', pid: 1, processStart: 'boot/1' },
    intervalMs: 60_000,
    deadAfterMs: DEAD_AFTER_MS,
    dispatch: recorded.dispatch,
    segments: healthy(),
    mayJudge: () => true,
    logger: silentLog,
    ...options,
  });
}

function healthy(health: Partial<SegmentHealth> = {}): SegmentHealth {
  return {
    findStuck: async () => [],
    findOrphaned: async () => [],
    discard: async () => undefined,
    ...health,
  };
}

async function findUnstarted(): Promise<Stuck[]> {
  const { rows } = await db.orm.execute<{ id: string; attempt: number; segment: number }>(sql`
    SELECT id, attempt, segment FROM outlast.workflow_executions WHERE status = 'queued' AND segment = 1`);
  return rows.map(({ id, attempt, segment }) => ({ executionId: id, status: 'queued', attempt, segment }));
}

test('many sweepers at once hand an execution over once when its worker has no lease', async () => {
  const id = await createIn(db);
  await claim(db, await insertWorker(db, { workerId: 'buried' }), id);
  await db.orm.execute(sql`DELETE FROM outlast.workers WHERE worker_id = 'buried'`);
  await Promise.all(Array.from({ length: 6 }, () => makeSweeper().sweep()));
  expect(recorded.launched).toEqual([`${id}:2`]);
  expect(await executionOf(db, id)).toMatchObject({ status: 'queued', segment: 2, attempt: 2 });
});

test('an execution whose creator died between its commit and its start is started', async () => {
  const id = await createIn(db, undefined, {
    dispatch: async () => () => undefined,
  });
  await makeSweeper({ segments: healthy({ findStuck: findUnstarted }) }).sweep();
  expect(recorded.launched).toEqual([`${id}:2`]);
  expect(await claim(db, await insertWorker(db), id, 2)).toMatchObject({ attempt: 2, lastSeq: 0 });
});

test('a worker that is gone from this host loses its lease at once; a silent one only to a judge', async () => {
  await insertWorker(db, {
    workerId: 'gone',
    bootId: 'boot',
    pidNamespace: 'here',
    pid: 999_999_999,
    processStart: 'boot/5',
  });
  await insertWorker(db, { workerId: 'far', bootId: 'other', heartbeatAt: new Date(0) });
  await makeSweeper({ mayJudge: () => false, deadAfterMs: 0 }).sweep();
  expect(await workerIds()).not.toContain('gone');
  expect(await workerIds()).toContain('far');
  // Postgres has not been up for that long: nobody can be blamed for a silence before its start.
  await makeSweeper().sweep();
  expect(await workerIds()).toContain('far');
  await makeSweeper({ deadAfterMs: 0 }).sweep();
  expect(await workerIds()).not.toContain('far');
});

test('what waits in a thread whose execution ended without promoting it is promoted once', async () => {
  const first = await createIn(db, 'stuck-thread', recorded);
  const second = await createIn(db, 'stuck-thread', recorded);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET status = 'cancelled', finished_at = now(), last_seq = 0
    WHERE id = ${first}`);
  await Promise.all(Array.from({ length: 4 }, () => makeSweeper().sweep()));
  expect(recorded.launched).toEqual([`${first}:1`, `${second}:1`]);
});

test('one execution that cannot be handed over does not keep the others stuck', async () => {
  const ids = [await createIn(db), await createIn(db), await createIn(db)];
  for (const id of ids) await claim(db, await insertWorker(db), id);
  await db.orm.execute(sql`DELETE FROM outlast.workers`);
  const poisoned = ids[0] as string;
  await makeSweeper({
    dispatch: (tx, executionId, segment) => {
      if (executionId === poisoned) throw new Error('This one cannot be dispatched');
      return recorded.dispatch(tx, executionId, segment);
    },
  }).sweep();
  expect(recorded.launched.sort()).toEqual(
    ids
      .slice(1)
      .map((id) => `${id}:2`)
      .sort(),
  );
});

async function workerIds(): Promise<string[]> {
  const { rows } = await db.orm.execute<{ worker_id: string }>(sql`SELECT worker_id FROM outlast.workers`);
  return rows.map((row) => row.worker_id);
}
