import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { LogGone, readLog } from '../../src/chunks/read-log.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { ReadChunk } from '../../src/chunks/row.ts';
import type { Database } from '../../src/db/database.ts';
import { openPool } from '../support/log-database.ts';
import { type CountingWriter, type OpenedLog, openLog, openWriter } from '../support/opened-log.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy } from '../support/postgres-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const FOREVER_MS = 600_000;

let database: TestDatabase;
let db: Database;
let writer: CountingWriter;
let opened: OpenedLog;
let left: AbortController;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

beforeEach(async () => {
  writer = openWriter(db);
  opened = await openLog(db, writer);
  left = new AbortController();
});

afterEach(() => left.abort());

async function write(...chunks: Chunk[]): Promise<void> {
  for (const chunk of chunks) {
    await opened.log.append(1, chunk);
    await opened.log.drained();
  }
}

function note(data: unknown): Chunk {
  return { type: 'data-note', data };
}

function notes(from: number, to: number): Chunk[] {
  return Array.from({ length: to - from + 1 }, (_, i) => note(from + i));
}

interface Reading {
  readonly lines: ReadChunk[];
  readonly done: Promise<void>;
}

function read(
  after: number,
  options: { from?: Database; recentRows?: RecentRows; pollMs?: number } = {},
): Reading {
  const lines: ReadChunk[] = [];
  const { from = db, recentRows = writer.recentRows, pollMs = FOREVER_MS } = options;
  const done = (async () => {
    const log = readLog(from, recentRows, opened.owner.executionNo, { after, signal: left.signal, pollMs });
    for await (const batch of log) lines.push(...batch);
  })();
  return { lines, done };
}

async function seen({ lines }: Reading, count: number): Promise<void> {
  await waitFor(() => lines.length >= count, { describe: () => `${count} lines, there are ${lines.length}` });
}

function seqs({ lines }: Reading): number[] {
  return lines.map((line) => line.seq);
}

describe('a reader', () => {
  test('from any cursor gets what is stored, what comes, and ends with the final row', async () => {
    await write(...notes(1, 4));
    for (const chunk of notes(5, 7)) void opened.log.append(1, chunk);
    await opened.log.drained();
    const readers = Array.from({ length: 8 }, (_, after) => read(after));
    await Promise.all(readers.map((reader, after) => seen(reader, 7 - after)));
    await write(note(8), { type: 'finish' });
    await Promise.all(readers.map((reader) => reader.done));
    readers.forEach((reader, after) => {
      expect(seqs(reader)).toEqual(Array.from({ length: 9 - after }, (_, i) => after + 1 + i));
    });
    expect(writer.recentRows.readers).toBe(0);
  });

  test('that joins after the end gets the whole log, or its rest, and ends', async () => {
    await write(...notes(1, 3), { type: 'finish' });
    const all = read(0);
    const rest = read(3);
    await Promise.all([all.done, rest.done]);
    expect(seqs(all)).toEqual([1, 2, 3, 4]);
    expect(rest.lines.map((line) => line.chunk)).toEqual(['{"type":"finish"}']);
  });

  test('before the first row waits for it', async () => {
    const reader = read(0);
    await waitFor(() => writer.recentRows.readers === 1, { describe: 'the reader' });
    await write({ type: 'start' }, { type: 'abort' });
    await reader.done;
    expect(seqs(reader)).toEqual([1, 2]);
  });

  test('is given the rows of its own process without a look at the table', async () => {
    const proxy = await openPostgresProxy(database.url);
    const cut = openPool(proxy.url);
    await write(note(1));
    const reader = read(0, { from: cut });
    await seen(reader, 1);
    await waitFor(() => cut.pool.idleCount === cut.pool.totalCount, { describe: 'an idle pool' });
    await write(note(2));
    await seen(reader, 2);
    proxy.cut();
    await write(note(3), { type: 'finish' });
    await reader.done;
    expect(seqs(reader)).toEqual([1, 2, 3, 4]);
    await cut.close();
    await proxy.close();
  });

  test('in another process gets everything by polling alone', async () => {
    const reader = read(0, { recentRows: new RecentRows(), pollMs: 5 });
    await write(...notes(1, 5));
    await seen(reader, 5);
    await write({ type: 'finish' });
    await reader.done;
    expect(seqs(reader)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('waits out an absence of Postgres and goes on where it was', async () => {
    const proxy = await openPostgresProxy(database.url);
    const far = openPool(proxy.url);
    await write(...notes(1, 3));
    const reader = read(0, { from: far, recentRows: new RecentRows(), pollMs: 5 });
    await seen(reader, 3);
    proxy.cut();
    await write(...notes(4, 6), { type: 'finish' });
    expect(seqs(reader)).toEqual([1, 2, 3]);
    proxy.restore();
    await reader.done;
    expect(seqs(reader)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await far.close();
    await proxy.close();
  });

  test('reads a long log in pages, whole', async () => {
    for (let i = 0; i < 1300; i++) {
      // Another turn is another row.
      void opened.log.append(i, note(i % 400 === 0 ? 'x'.repeat(400_000) : i));
    }
    void opened.log.append(1300, { type: 'finish' });
    await opened.log.drained();
    const reader = read(0, { recentRows: new RecentRows() });
    await reader.done;
    expect(seqs(reader)).toEqual(Array.from({ length: 1301 }, (_, i) => i + 1));
  });
});

describe('rows that were removed', () => {
  const remove = async (from: number, to: number) => {
    await db.pool.query(
      `UPDATE outlast.workflow_executions SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 4,
         log_expired_at = now() WHERE no = $1`,
      [opened.owner.executionNo],
    );
    await db.pool.query(
      'DELETE FROM outlast.stream_chunks WHERE execution_no = $1 AND seq BETWEEN $2 AND $3',
      [opened.owner.executionNo, from, to],
    );
  };

  test('cut a reader that has yet to read them, and are never skipped', async () => {
    await write(...notes(1, 4));
    await remove(1, 3);
    const reader = read(1, { recentRows: new RecentRows() });
    await expect(reader.done).rejects.toThrow(LogGone);
    expect(seqs(reader)).toEqual([]);
    const rest = read(3, { recentRows: new RecentRows() });
    await seen(rest, 1);
    expect(seqs(rest)).toEqual([4]);
  });

  test('cut a reader that waits for them in vain', async () => {
    await write(...notes(1, 4));
    await remove(1, 4);
    const reader = read(2, { recentRows: new RecentRows(), pollMs: 5 });
    await expect(reader.done).rejects.toThrow(LogGone);
  });
});

describe('leaving', () => {
  test('by abort frees the follower at once, also while it waits', async () => {
    const reader = read(0);
    await waitFor(() => writer.recentRows.readers === 1, { describe: 'the reader' });
    left.abort();
    await reader.done;
    expect(writer.recentRows.readers).toBe(0);
  });

  test('by leaving the loop frees the follower', async () => {
    await write(...notes(1, 3));
    const { executionNo } = opened.owner;
    const options = { after: 0, signal: left.signal, pollMs: FOREVER_MS };
    for await (const [first] of readLog(db, writer.recentRows, executionNo, options)) {
      expect(first?.seq).toBe(1);
      expect(writer.recentRows.readers).toBe(1);
      break;
    }
    expect(writer.recentRows.readers).toBe(0);
  });

  test('by an error that is no outage frees the follower', async () => {
    const log = readLog(db, writer.recentRows, Number.NaN, { after: 0, signal: left.signal });
    await expect(log.next()).rejects.toThrow();
    expect(writer.recentRows.readers).toBe(0);
  });
});

test('a reader that stands still costs the same whatever is written meanwhile, and then gets all of it', async () => {
  const { executionNo } = opened.owner;
  const log = readLog(db, writer.recentRows, executionNo, { after: 0, signal: left.signal, pollMs: 5 });
  await write({ type: 'start' });
  await log.next();
  const text = 'x'.repeat(10_000);
  for (let i = 0; i < 300; i++) {
    await opened.log.append(1, note(text));
    if (i % 3 === 2) await opened.log.drained();
  }
  await write({ type: 'finish' });
  const kept = writer.recentRows.follow(executionNo);
  const held = Array.from({ length: 302 }, (_, cursor) => kept.recent(cursor)).flat();
  expect([...new Set(held)].reduce((sum, row) => sum + row.chunks.length, 0)).toBeLessThan(128 * 1024);
  kept.close();
  const seqsRead: number[] = [];
  for await (const lines of log) for (const line of lines) seqsRead.push(line.seq);
  expect(seqsRead).toEqual(Array.from({ length: 301 }, (_, i) => i + 2));
});
