import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { type Database, transaction } from '../../src/db/database.ts';
import { executionAttempts, workers } from '../../src/db/schema.ts';
import { claimExecution } from '../../src/executions/claim-execution.ts';
import { type DiscardSegments, handOver } from '../../src/executions/hand-over.ts';
import { claim, createIn, executionOf, insertWorker, own, recordDispatch } from '../support/executions.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;
const discard = async () => undefined;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 20);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

describe('a claim', () => {
  test('has one winner among many at once, who is recorded', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await createIn(db);
      const ids = await Promise.all(Array.from({ length: 10 }, () => insertWorker(db)));
      const claims = await Promise.all(ids.map((workerId) => claimExecution(db, workerId, id, 1)));
      const winner = ids[claims.findIndex((claimed) => claimed !== undefined)];
      expect(claims.filter((claimed) => claimed !== undefined)).toHaveLength(1);
      expect(await executionOf(db, id)).toMatchObject({ status: 'running', attempt: 1, workerId: winner });
      const attempts = await db.orm
        .select()
        .from(executionAttempts)
        .where(eq(executionAttempts.executionId, id));
      expect(attempts).toMatchObject([{ attempt: 1, workerId: winner, endedAt: null }]);
    }
  });

  test('needs the worker to have its lease, the right segment, and an execution that is queued', async () => {
    const id = await createIn(db);
    const workerId = await insertWorker(db);
    expect(await claimExecution(db, 'nobody', id, 1)).toBeUndefined();
    expect(await claimExecution(db, workerId, id, 2)).toBeUndefined();
    expect((await executionOf(db, id)).status).toBe('queued');
    await claim(db, workerId, id);
    expect(await claimExecution(db, await insertWorker(db), id, 1)).toBeUndefined();
  });

  test('by the one who has it already is the same claim: its commit was not heard of', async () => {
    const faulty = openFaultyDatabase(database.url);
    const id = await createIn(db);
    const workerId = await insertWorker(db);
    faulty.plan(['after']);
    await expect(claimExecution(faulty, workerId, id, 1)).rejects.toThrow('lost');
    expect(await claimExecution(faulty, workerId, id, 1)).toMatchObject({ attempt: 1 });
    await faulty.close();
  });

  test('and the end of its worker come one after the other: nobody owns without a lease', async () => {
    for (let round = 0; round < 20; round++) {
      const id = await createIn(db);
      const workerId = await insertWorker(db);
      const [claimed] = await Promise.all([
        claimExecution(db, workerId, id, 1),
        db.orm.delete(workers).where(eq(workers.workerId, workerId)),
      ]);
      // A claim that came first is found by the sweeper: its worker has no row.
      expect((await executionOf(db, id)).status).toBe(claimed === undefined ? 'queued' : 'running');
    }
  });

  test('holds the lease row: it cannot go before the claim has committed', async () => {
    const id = await createIn(db);
    const workerId = await insertWorker(db);
    let isDeleted = false;
    const locker = await db.pool.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT 1 FROM outlast.workflow_executions WHERE id = $1 FOR UPDATE', [id]);
    const claimed = claimExecution(db, workerId, id, 1);
    await waitFor(async () => (await waiters()) === 1, { describe: 'the claim to wait for the execution' });
    const bury = async () => {
      await db.orm.delete(workers).where(eq(workers.workerId, workerId));
      isDeleted = true;
    };
    const deleted = bury();
    await waitFor(async () => (await waiters()) === 2, { describe: 'the sweeper to wait for the claim' });
    expect(isDeleted).toBe(false);
    await locker.query('COMMIT');
    locker.release();
    expect(await claimed).toMatchObject({ attempt: 1 });
    await deleted;
  });

  async function waiters(): Promise<number> {
    const { rows } = await db.pool.query<{ n: number }>(`
      SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`);
    return rows[0]?.n ?? 0;
  }

  test('sees where the log ends', async () => {
    const id = await createIn(db);
    const first = own(db, await claim(db, await insertWorker(db), id));
    expect(first.claimed).toMatchObject({ lastSeq: 0, lastTurn: 0 });
    await first.log.append(0, { type: 'start' });
    await first.log.append(1, { type: 'start-step' });
    await first.log.append(1, { type: 'text-start', id: 'a' });
    await first.log.drained();
    await takeOver(id, 1);
    const second = await claim(db, await insertWorker(db), id, 2);
    expect(second).toMatchObject({ attempt: 3, lastSeq: 3, lastTurn: 1 });
  });
});

describe('a hand-over', () => {
  test('has one winner, who dispatches the next segment; the old owner may write no more', async () => {
    const id = await createIn(db);
    const owned = own(db, await claim(db, await insertWorker(db), id));
    const recorded = recordDispatch();
    const from = { executionId: id, status: 'running' as const, attempt: 1, segment: 1 };
    const launches = await Promise.all(
      Array.from({ length: 8 }, () =>
        transaction(db, (tx) => handOver(tx, recorded.dispatch, discard, [from], 'crashed')),
      ),
    );
    expect(launches.flat()).toHaveLength(1);
    expect(recorded.dispatched).toEqual([`${id}:2`]);
    expect(await executionOf(db, id)).toMatchObject({
      status: 'queued',
      segment: 2,
      attempt: 2,
      workerId: null,
    });
    owned.log.append(0, { type: 'start' }).catch(() => undefined);
    await expect(owned.log.drained()).rejects.toThrow('cancelled, deleted or taken over');
    expect(owned.signal.aborted).toBe(true);
    const [attempt] = await db.orm
      .select()
      .from(executionAttempts)
      .where(eq(executionAttempts.executionId, id));
    expect(attempt).toMatchObject({ attempt: 1, endReason: 'crashed' });
  });

  test('by one who looked before somebody else took over does nothing', async () => {
    const id = await createIn(db);
    await claim(db, await insertWorker(db), id);
    await takeOver(id, 1);
    const current = await claim(db, await insertWorker(db), id, 2);
    await takeOver(id, 1);
    expect(await executionOf(db, id)).toMatchObject({
      status: 'running',
      attempt: current.attempt,
      segment: 2,
    });
  });

  test('takes back the segment that it supersedes, in the same transaction', async () => {
    const id = await createIn(db);
    await claim(db, await insertWorker(db), id);
    const discarded: string[] = [];
    const from = { executionId: id, status: 'running' as const, attempt: 1, segment: 1 };
    const failing = transaction(db, async (tx) => {
      const remember: DiscardSegments = async (_, segments) => {
        discarded.push(...segments.map(({ executionId, segment }) => `${executionId}:${segment}`));
      };
      await handOver(tx, recordDispatch().dispatch, remember, [from], 'drained');
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(discarded).toEqual([`${id}:1`]);
    expect(await executionOf(db, id)).toMatchObject({ status: 'running', attempt: 1 });
  });
});

async function takeOver(executionId: string, attempt: number): Promise<void> {
  const from = { executionId, status: 'running' as const, attempt, segment: attempt };
  await transaction(db, (tx) => handOver(tx, recordDispatch().dispatch, discard, [from], 'crashed'));
}
