import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type { Chunk } from '../../src/chunks/chunk.ts';
import type { Database } from '../../src/db/database.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { collectGarbage } from '../support/gc.ts';
import { openPool, storedLines } from '../support/log-database.ts';
import { openLog, openWriter } from '../support/opened-log.ts';
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

function note(data: unknown): Chunk {
  return { type: 'data-note', data };
}

async function notesOf(executionNo: number): Promise<unknown[]> {
  return (await storedLines(db, executionNo)).map((line) => (JSON.parse(line) as { data: unknown }).data);
}

test('what was appended before a transaction comes before it, what is appended meanwhile after it', async () => {
  const { log, owner } = await openLog(db, openWriter(db));
  void log.append(1, note('in flight'));
  while (log.flight.length === 0) await Promise.resolve();
  void log.append(1, note('waiting'));
  await log.transact({
    work: async ({ tx, append }) => {
      await log.append(1, note('after'));
      await tx.execute(sql`SELECT 1`);
      append(1, note('inside'), note('too'));
    },
  });
  await log.drained();
  expect(await notesOf(owner.executionNo)).toEqual(['in flight', 'waiting', 'inside', 'too', 'after']);
});

test('two transactions at once come one after the other, in the order of asking', async () => {
  const { log, owner } = await openLog(db, openWriter(db));
  let inside = 0;
  const one = (name: string) =>
    log.transact({
      work: async ({ tx, append }) => {
        expect(++inside).toBe(1);
        append(1, note(`${name} begins`));
        await tx.execute(sql`SELECT 1`);
        append(1, note(`${name} ends`));
        inside -= 1;
      },
    });
  await Promise.all(['a', 'b', 'c'].map(one));
  expect(await notesOf(owner.executionNo)).toEqual(
    ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test('a transaction that fails leaves nothing, and the next one goes on', async () => {
  const { log, owner, lost } = await openLog(db, openWriter(db));
  const failing = log.transact({
    work: async ({ append }) => {
      append(1, note('never'));
      throw new Error('no');
    },
  });
  await expect(failing).rejects.toThrow('no');
  await log.append(1, note('next'));
  await log.drained();
  await log.transact({ work: async ({ append }) => append(1, note('last')) });
  expect(await notesOf(owner.executionNo)).toEqual(['next', 'last']);
  expect(lost).toEqual([]);
});

test.each(['before', 'after', 'open'] as const)(
  'a COMMIT whose answer is not heard (%s) takes effect once, and is delivered',
  async (fault) => {
    const faulty = openFaultyDatabase(database.url);
    const writer = openWriter(faulty);
    const { log, owner } = await openLog(db, writer);
    const follower = writer.recentRows.follow(owner.executionNo);
    faulty.plan([fault]);
    const result = await log.transact({
      work: async ({ tx, append }) => {
        await tx.execute(sql`
          UPDATE outlast.workflow_executions SET active_ms = active_ms + 1 WHERE id = ${owner.executionId}`);
        append(1, note('once'));
        return 'done';
      },
    });
    expect(result).toBe('done');
    expect(await notesOf(owner.executionNo)).toEqual(['once']);
    const { rows } = await db.orm.execute<{ active_ms: string }>(sql`
      SELECT active_ms FROM outlast.workflow_executions WHERE id = ${owner.executionId}`);
    expect(rows).toEqual([{ active_ms: '1' }]);
    expect(follower.recent(0)).toHaveLength(1);
    expect(log.lastSeq).toBe(1);
    await faulty.releaseLate();
    await faulty.close();
  },
);

test('a transaction that ends the execution is known to have done so, although the answer was lost', async () => {
  const faulty = openFaultyDatabase(database.url);
  const { log, owner, lost } = await openLog(db, openWriter(faulty));
  faulty.plan(['after']);
  await log.transact({
    work: async ({ tx, append }) => {
      append(1, note('last'));
      await tx.execute(sql`
        UPDATE outlast.workflow_executions
        SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 1
        WHERE id = ${owner.executionId}`);
    },
  });
  expect(lost).toEqual([]);
  await faulty.close();
});

test('a steady producer does not keep a transaction waiting for ever', async () => {
  const { log, owner } = await openLog(db, openWriter(db));
  const done = new AbortController();
  const produce = (async () => {
    for (let i = 0; !done.signal.aborted; i++) {
      await log.append(1, note(i));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await log.transact({ work: async ({ append }) => append(1, note('through')) });
  done.abort();
  await produce;
  await log.drained();
  const place = (await notesOf(owner.executionNo)).indexOf('through');
  expect(place).toBeGreaterThan(-1);
  expect(place).toBeLessThan(10);
}, 10_000);

test('a log that was closed and lost is held by nobody', async () => {
  const writer = openWriter(db);
  const held = await (async () => {
    const { log } = await openLog(db, writer);
    await log.append(1, note(1));
    await log.drained();
    log.close();
    log.fail(new Error('released'));
    return new WeakRef(log);
  })();
  await collectGarbage();
  expect(held.deref()).toBeUndefined();
});
