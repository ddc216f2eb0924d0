import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Chunk, InvalidChunk, isFinal, serializeChunk, validateChunk } from '../../src/chunks/chunk.ts';
import { coalesce } from '../../src/chunks/coalesce.ts';
import { insertFenced } from '../../src/chunks/insert-rows.ts';
import { readPage, readWholeLog } from '../../src/chunks/read-rows.ts';
import { chunksAfter, type Entry, endOf, linesAfter, makeRows } from '../../src/chunks/row.ts';
import type { Database } from '../../src/db/database.ts';
import { awkwardText, generatedLog } from '../support/generated-log.ts';
import { insertRunning, openPool, storedLines, storedRows } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const entries: fc.Arbitrary<Entry[]> = fc
  .tuple(generatedLog, fc.array(fc.nat(2), { maxLength: 40 }))
  .map(([log, steps]) => {
    let turn = 0;
    return log.map((chunk, i) => {
      turn += (steps[i] ?? 0) === 2 ? 1 : 0;
      return { turn, chunk };
    });
  });

describe('rows', () => {
  test('hold one turn each, number without a gap, and keep order and content', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 1000 }), (given, firstSeq) => {
        const rows = makeRows(given, firstSeq, 3);
        let next = firstSeq;
        for (const row of rows) {
          expect(row.seq).toBe(next);
          expect(row.chunks.split('\n')).toHaveLength(row.n);
          next = endOf(row) + 1;
        }
        const turns = given.map((entry) => entry.turn);
        expect(rows.map((row) => row.turn)).toEqual(turns.filter((turn, i) => turn !== turns[i - 1]));
        const lines = linesAfter(rows, firstSeq - 1);
        expect(lines.map((line) => line.seq)).toEqual(lines.map((_, i) => firstSeq + i));
        expect(coalesce(lines.map((line) => JSON.parse(line.chunk) as Chunk))).toEqual(
          coalesce(given.map((entry) => entry.chunk)),
        );
      }),
    );
  });

  test('give any reader exactly what comes after its cursor', () => {
    fc.assert(
      fc.property(entries, fc.nat(60), (given, cursor) => {
        const rows = makeRows(given, 1, 1);
        expect(linesAfter(rows, cursor)).toEqual(linesAfter(rows, 0).filter((line) => line.seq > cursor));
      }),
    );
  });
});

describe('a serialised chunk', () => {
  test('begins with its type, has no raw newline, and is the chunk again', () => {
    fc.assert(
      fc.property(awkwardText, awkwardText, (id, delta) => {
        const bytes = serializeChunk({ delta, id, type: 'text-delta' });
        expect(bytes.startsWith('{"type":"text-delta"')).toBe(true);
        expect(bytes).not.toMatch(/[\n\r\u0000]/);
        expect(JSON.parse(bytes)).toEqual({ type: 'text-delta', id, delta });
      }),
    );
  });

  test('ends a log only as finish, abort or error', () => {
    const final: Chunk[] = [{ type: 'finish' }, { type: 'finish', finishReason: 'stop' }, { type: 'abort' }];
    for (const chunk of [...final, { type: 'error', errorText: 'x' } as const]) {
      expect(isFinal(serializeChunk(chunk))).toBe(true);
    }
    const going: Chunk[] = [
      { type: 'finish-step' },
      { type: 'text-delta', id: '{"type":"finish"}', delta: '{"type":"error","errorText":""}' },
    ];
    for (const chunk of going) expect(isFinal(serializeChunk(chunk))).toBe(false);
  });

  test('is refused when a stock client could not read it', async () => {
    await expect(
      validateChunk({ type: 'text-delta', id: 1, delta: 'x' } as unknown as Chunk),
    ).rejects.toThrow(InvalidChunk);
    await expect(validateChunk({ type: 'text-delta', id: 'a' } as Chunk)).rejects.toThrow(InvalidChunk);
    const kept = await validateChunk({ type: 'finish', finishReason: undefined } as unknown as Chunk);
    expect(Object.keys(kept)).toEqual(['type']);
  });
});

describe('the table', () => {
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

  test('gives back every byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(awkwardText, { minLength: 1, maxLength: 20 }), async (texts) => {
        const owner = await insertRunning(db);
        const chunks = texts.map((data): Chunk => ({ type: 'data-note', id: data, data: { [data]: data } }));
        const rows = makeRows(
          chunks.map((chunk) => ({ turn: 1, chunk })),
          1,
          1,
        );
        await insertFenced(
          db,
          rows.map((row) => ({ owner, row })),
        );
        expect(await storedLines(db, owner.executionNo)).toEqual(chunks.map(serializeChunk));
        expect(await storedRows(db, owner.executionNo)).toEqual(rows);
        expect((await readWholeLog(db, owner.executionNo)).chunks).toEqual(chunks);
      }),
      { numRuns: 40 },
    );
  });

  test('with a row gone from its middle is not read as if it were whole', async () => {
    const owner = await insertRunning(db);
    const rows = [1, 2, 3].map((seq) => ({ seq, n: 1, attempt: 1, turn: 1, chunks: '{"type":"data-a"}' }));
    await insertFenced(
      db,
      rows.map((row) => ({ owner, row })),
    );
    await db.pool.query('DELETE FROM outlast.stream_chunks WHERE execution_no = $1 AND seq = 2', [
      owner.executionNo,
    ]);
    await expect(readPage(db, owner.executionNo, 0, 1024)).rejects.toThrow('gap');
  });

  test('is read from any cursor, in pages that never split what fits and always hold something', async () => {
    const owner = await insertRunning(db);
    const big = 'x'.repeat(200_000);
    const rows = Array.from({ length: 1200 }, (_, i) => ({
      seq: 2 * i + 1,
      n: 2,
      attempt: 1,
      turn: 1,
      chunks: `{"type":"data-a","data":${i}}\n{"type":"data-b","data":"${i >= 1195 ? big : ''}"}`,
    }));
    for (let i = 0; i < rows.length; i += 200) {
      await insertFenced(
        db,
        rows.slice(i, i + 200).map((row) => ({ owner, row })),
      );
    }
    const all = linesAfter(rows, 0).map(({ seq, chunk }) => ({ seq, chunk }));
    const bound = 64 * 1024;
    for (const cursor of [0, 1, 2, 777, 1999, 2000, 2389, 2390, 2391, 2398, 2399, 2400, 5000]) {
      const read: unknown[] = [];
      for (let at = cursor; ; ) {
        const page = await readPage(db, owner.executionNo, at, bound);
        if (page === undefined) break;
        expect(page.chunks.length).toBeLessThan(bound + big.length + 100);
        read.push(...chunksAfter(page, at));
        at = endOf(page);
      }
      expect(read).toEqual(all.slice(cursor));
    }
  });
});
