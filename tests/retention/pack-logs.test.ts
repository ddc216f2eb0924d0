import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { readLog } from '../../src/chunks/read-log.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import { type Entry, endOf, makeRows } from '../../src/chunks/row.ts';
import type { Database } from '../../src/db/database.ts';
import { executionOf } from '../support/executions.ts';
import { generatedLog } from '../support/generated-log.ts';
import { insertRunning, openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  finish,
  insertFinal,
  insertTimed,
  listFrom,
  makeFinal,
  pack,
  pagesFrom,
  rowsOf,
  smallRows,
  type TimedRow,
  viewOf,
} from './logs.ts';

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

/** How many chunks a flush took, how long after the last one it was committed, and whether a new attempt began. */
const flush = fc.record({
  size: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.integer({ min: 1, max: 80 })),
  waitedMs: fc.oneof(fc.integer({ min: -2000, max: 5000 }), fc.constantFrom(0, 4_000_000, 5_000_000_000)),
  isTakeover: fc.boolean(),
});

/** Logs with the rows that flushes of any size made of them, by attempts of any length. */
const writtenLog: fc.Arbitrary<TimedRow[]> = fc
  .tuple(generatedLog, fc.array(flush, { minLength: 1, maxLength: 20 }))
  .map(([chunks, flushes]) => {
    let turn = 0;
    const entries = chunks.map((chunk): Entry => {
      if (chunk.type === 'start-step') turn += 1;
      return { turn, chunk };
    });
    return asWritten(entries, flushes);
  });

function asWritten(
  entries: Entry[],
  flushes: { size: number; waitedMs: number; isTakeover: boolean }[],
): TimedRow[] {
  const rows: TimedRow[] = [];
  let attempt = 1;
  let at = 1_790_000_000_123;
  for (let from = 0, i = 0; from < entries.length; i++) {
    const { size, waitedMs, isTakeover } = flushes[i % flushes.length] as (typeof flushes)[number];
    attempt += isTakeover ? 1 : 0;
    at += waitedMs;
    const last = rows.at(-1);
    const made = makeRows(
      entries.slice(from, from + size),
      last === undefined ? 1 : endOf(last) + 1,
      attempt,
    );
    rows.push(...made.map((row) => ({ ...row, at: new Date(at) })));
    from += size;
  }
  return rows;
}

/** Everything that anybody can see of a log. */
async function shown(no: number) {
  const whole = await listFrom(db, no, 0, 5000);
  const cursors = whole.map(({ seq }) => seq - 1).filter((seq) => whole.length < 40 || seq % 7 === 0);
  return {
    whole,
    pages: await Promise.all(cursors.map((cursor) => pagesFrom(db, no, cursor))),
    lists: await Promise.all(cursors.map((cursor) => listFrom(db, no, cursor, 1 + (cursor % 9)))),
    view: await viewOf(db, no),
  };
}

test('a packed log shows the same to every reader, from every cursor, and at the same times', async () => {
  await fc.assert(
    fc.asyncProperty(writtenLog, async (rows) => {
      const { id, no } = await insertFinal(db, rows);
      const before = await shown(no);
      const { logsPacked } = await finish(pack(db));
      expect(logsPacked).toBe(1);
      expect(await shown(no)).toEqual(before);
      expect((await executionOf(db, id)).logPackedAt).not.toBeNull();
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('rows become few, in order, and each of one attempt and one turn', async () => {
  const rows = smallRows(1000).map((row) => ({
    ...row,
    attempt: row.seq > 500 ? 2 : 1,
    turn: row.seq > 700 ? 2 : 1,
  }));
  const { no } = await insertFinal(db, rows);
  const { rowsBefore, rowsAfter } = await finish(pack(db));
  const packed = await rowsOf(db, no);
  expect(rowsBefore).toBe(1000);
  expect(rowsAfter).toBe(packed.length);
  expect(packed.length).toBeLessThan(20);
  expect(packed.every(({ n }) => n <= 64)).toBe(true);
  const ends = packed.map(endOf);
  expect(ends).toEqual(expect.arrayContaining([500, 700, 1000]));
  expect(packed.map(({ seq }) => seq)).toEqual([1, ...ends.slice(0, -1).map((end) => end + 1)]);
});

test('large chunks stay in rows of their own; bytes and newlines of all are what they were', async () => {
  const large = JSON.stringify({ type: 'data-blob', data: 'x'.repeat(900_000) });
  const awkward = JSON.stringify({ type: 'data-note', data: 'a\nb\r\n\u0000\ud83d\u2028' });
  const rows = smallRows(200).map((row) => {
    if (row.seq === 100 || row.seq === 101) return { ...row, chunks: large };
    return row.seq % 10 === 0 ? { ...row, chunks: awkward } : row;
  });
  const { no } = await insertFinal(db, rows);
  const before = await shown(no);
  await finish(pack(db));
  expect(await shown(no)).toEqual(before);
  const packed = await rowsOf(db, no);
  expect(packed.filter((row) => !row.packed).map(({ seq }) => seq)).toEqual(
    expect.arrayContaining([100, 101]),
  );
  expect(packed.length).toBeLessThan(10);
});

test('a packed row holds no more bytes than a reader can take at once', async () => {
  const rows = smallRows(300).map((row) => ({
    ...row,
    chunks: JSON.stringify({ type: 'data-blob', data: 'x'.repeat(3000) }),
  }));
  const { no } = await insertFinal(db, rows);
  await finish(pack(db));
  const packed = await rowsOf(db, no);
  expect(Math.max(...packed.map(({ n }) => n))).toBe(11);
  expect(packed.length).toBeLessThan(35);
});

test('packing that is cut between two stretches is gone on with, and reads the same in between', async () => {
  const { id, no } = await insertFinal(db, smallRows(12_000));
  const before = await pagesFrom(db, no, 0);
  const batches = pack(db);
  expect((await batches.next()).value).toMatchObject({ logsPacked: 0, rowsBefore: 4992 });
  await batches.return();
  expect((await executionOf(db, id)).logPackedAt).toBeNull();
  expect(await pagesFrom(db, no, 0)).toEqual(before);
  expect(await finish(pack(db))).toMatchObject({ logsPacked: 1, rowsBefore: 7008 });
  expect(await pagesFrom(db, no, 0)).toEqual(before);
  expect((await rowsOf(db, no)).length).toBeLessThan(195);
});

test('several packers at once pack each log once', async () => {
  const finals = await Promise.all(Array.from({ length: 12 }, () => insertFinal(db, smallRows(5300))));
  const before = await pagesFrom(db, finals[0]?.no ?? 0, 0);
  const others = Array.from({ length: 4 }, () => openPool(database.url, 2));
  const tallies = await Promise.all([db, ...others].map((own) => finish(pack(own))));
  await Promise.all(others.map((other) => other.close()));
  expect(tallies.reduce((sum, { logsPacked }) => sum + logsPacked, 0)).toBe(12);
  expect(tallies.reduce((sum, { rowsBefore }) => sum + rowsBefore, 0)).toBe(12 * 5300);
  for (const { no } of finals) expect(await pagesFrom(db, no, 0)).toEqual(before);
});

test('a reader in the middle of a log gets each row once while it is packed', async () => {
  const rows = smallRows(9000);
  const last = { ...(rows.at(-1) as TimedRow), seq: 9001, chunks: JSON.stringify({ type: 'finish' }) };
  const { no } = await insertFinal(db, [...rows, last]);
  const batches = pack(db);
  const read: number[] = [];
  const signal = new AbortController().signal;
  for await (const lines of readLog(db, new RecentRows(), no, { after: 0, signal })) {
    for (const { seq } of lines) read.push(seq);
    await batches.next();
  }
  await finish(batches);
  expect(read).toEqual(Array.from({ length: 9001 }, (_, i) => i + 1));
  expect((await rowsOf(db, no)).length).toBeLessThan(150);
});

test('a reader that heard nothing while the log ended and was packed goes on in the middle of a row', async () => {
  const { executionId, executionNo } = await insertRunning(db);
  const rows = smallRows(40);
  const last = { ...(rows.pop() as TimedRow), chunks: JSON.stringify({ type: 'finish' }) };
  await insertTimed(db, executionNo, rows.slice(0, 10));
  const recentRows = new RecentRows();
  const read: number[] = [];
  const reading = (async () => {
    const { signal } = new AbortController();
    for await (const lines of readLog(db, recentRows, executionNo, { after: 0, signal })) {
      for (const { seq } of lines) read.push(seq);
    }
  })();
  await waitFor(() => read.length === 10 && recentRows.tailOf(executionNo) === 10, {
    describe: 'the first rows',
  });
  await insertTimed(db, executionNo, [...rows.slice(10), last]);
  await makeFinal(db, executionId, [last], 120_000);
  await finish(pack(db));
  expect(await rowsOf(db, executionNo)).toEqual([{ seq: 1, n: 40, packed: true }]);
  recentRows.publish(executionNo, []);
  await reading;
  expect(read).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
});

test('only logs of executions that have been final for a while are packed, and nothing is packed twice', async () => {
  const { no } = await insertFinal(db, smallRows(100), 30_000);
  const { no: running } = await insertFinal(db, []);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET status = 'running', worker_id = 'w', finished_at = NULL, last_seq = NULL
    WHERE no = ${running}`);
  await insertTimed(db, running, smallRows(100));
  expect(await finish(pack(db))).toMatchObject({ logsPacked: 0, rowsBefore: 0 });
  expect(await rowsOf(db, no)).toHaveLength(100);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET finished_at = finished_at - interval '1 minute' WHERE no = ${no}`);
  expect(await finish(pack(db))).toMatchObject({ logsPacked: 1, rowsBefore: 100, rowsAfter: 2 });
  await db.orm.execute(sql`UPDATE outlast.workflow_executions SET log_packed_at = NULL WHERE no = ${no}`);
  expect(await finish(pack(db))).toMatchObject({ logsPacked: 1, rowsBefore: 0, rowsAfter: 0 });
});

test('a log that cannot be packed does not keep the others waiting', async () => {
  const broken = await insertFinal(db, smallRows(100), 200_000);
  const fine = await insertFinal(db, smallRows(100), 100_000);
  await db.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON outlast.stream_chunks FOR EACH ROW WHEN (OLD.execution_no = ${broken.no})
      EXECUTE FUNCTION refuse()`);
  await finish(pack(db));
  await db.pool.query('DROP TRIGGER refuse ON outlast.stream_chunks');
  expect(await rowsOf(db, broken.no)).toHaveLength(100);
  expect(await rowsOf(db, fine.no)).toHaveLength(2);
  await finish(pack(db));
  expect(await rowsOf(db, broken.no)).toHaveLength(2);
});
