import { setImmediate as nextTick } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { insertInTransaction } from '../../src/chunks/insert-rows.ts';
import { makeRows } from '../../src/chunks/row.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import { openPool, storedLines, storedRows, storedText, takeOver } from '../support/log-database.ts';
import { type OpenedLog, openLog, openLogs, openWriter } from '../support/opened-log.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy } from '../support/postgres-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

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

function delta(text: string): Chunk {
  return { type: 'text-delta', id: 'a', delta: text };
}

function note(data: unknown): Chunk {
  return { type: 'data-note', data };
}

/** Appends without waiting; what fails is told by `drained`. */
function send({ log }: OpenedLog, ...chunks: Chunk[]): void {
  for (const chunk of chunks) log.append(1, chunk).catch(() => undefined);
}

describe('group commit', () => {
  test('writes what many executions append at once with one statement', async () => {
    const writer = openWriter(db);
    const logs = await openLogs(db, writer, 100);
    for (const log of logs) send(log, delta('x'), delta('y'));
    await Promise.all(logs.map(({ log }) => log.drained()));
    expect(writer.batches).toEqual([100]);
    for (const { owner } of logs) expect(await storedText(db, owner.executionNo)).toBe('xy');
  });

  test('has one statement under way at a time, and what comes meanwhile goes with the next', async () => {
    const writer = openWriter(db);
    const logs = await openLogs(db, writer, 10);
    for (let i = 0; i < 200; i++) {
      for (const log of logs) send(log, delta('x'));
      await nextTick();
    }
    await Promise.all(logs.map(({ log }) => log.drained()));
    expect(writer.mostAtOnce()).toBe(1);
    expect(writer.batches.length).toBeLessThan(200);
    for (const { owner } of logs) expect(await storedText(db, owner.executionNo)).toBe('x'.repeat(200));
  });

  test('never takes more than 256 rows and some into one statement', async () => {
    const writer = openWriter(db);
    const logs = await openLogs(db, writer, 600);
    for (const log of logs) send(log, delta('x'));
    await Promise.all(logs.map(({ log }) => log.drained()));
    expect(writer.batches).toEqual([256, 256, 88]);
  });

  test('keeps the starts of statements apart under load, and not the first after a pause', async () => {
    const writer = openWriter(db, 40);
    const opened = await openLog(db, writer);
    for (let i = 0; i < 4; i++) {
      send(opened, note(i));
      await opened.log.drained();
    }
    const gaps = writer.sentAt.slice(1).map((at, i) => at - (writer.sentAt[i] as number));
    // Timers may fire a little early.
    for (const gap of gaps) expect(gap).toBeGreaterThan(35);
    await waitFor(() => performance.now() - (writer.sentAt.at(-1) as number) > 45, { describe: 'a pause' });
    send(opened, note('after the pause'));
    await Promise.resolve();
    await Promise.resolve();
    await nextTick();
    expect(writer.sentAt).toHaveLength(5);
    await opened.log.drained();
  });
});

describe('an execution that cannot write', () => {
  test('does not fail the others of its batch', async () => {
    const writer = openWriter(db);
    const bad = await openLog(db, writer);
    const good = await openLog(db, writer);
    // A U+0000 in the tenant cannot be stored: the whole statement fails, for a reason that is no outage.
    Object.assign(bad.owner, { tenantId: 'nul\u0000' });
    send(bad, note(1));
    send(good, note(2));
    await good.log.drained();
    expect(await storedLines(db, good.owner.executionNo)).toHaveLength(1);
    await waitFor(() => bad.lost.length > 0, { describe: 'the failure' });
    await expect(bad.log.append(1, note(3))).rejects.toThrow();
  });

  test('that has a newer owner is refused: whoever appends or waits is told, and the owner once', async () => {
    const writer = openWriter(db);
    const old = await openLog(db, writer);
    await takeOver(db, old.owner);
    send(old, note(1));
    await expect(old.log.drained()).rejects.toThrow(OwnershipLost);
    await expect(old.log.append(1, note(2))).rejects.toThrow(OwnershipLost);
    const work = async () => undefined;
    await expect(old.log.transact({ work })).rejects.toThrow(OwnershipLost);
    expect(old.lost).toHaveLength(1);
    expect(await storedLines(db, old.owner.executionNo)).toEqual([]);
  });

  test('is told by a transaction too when it has a newer owner', async () => {
    const old = await openLog(db, openWriter(db));
    await takeOver(db, old.owner);
    const transact = old.log.transact({ work: async ({ append }) => append(1, note(1)) });
    await expect(transact).rejects.toThrow(OwnershipLost);
    expect(await storedLines(db, old.owner.executionNo)).toEqual([]);
  });

  test('two attempts of one execution in one process: only the newer one gets in, and only it is told so', async () => {
    const writer = openWriter(db);
    const old = await openLog(db, writer);
    const current = await openLog(db, writer, await takeOver(db, old.owner));
    const follower = writer.recentRows.follow(old.owner.executionNo);
    send(old, note('old'));
    send(current, note('new'));
    await expect(old.log.drained()).rejects.toThrow(OwnershipLost);
    await current.log.drained();
    expect(await storedLines(db, old.owner.executionNo)).toEqual(['{"type":"data-note","data":"new"}']);
    expect(follower.recent(0).map((run) => run.chunks)).toEqual(['{"type":"data-note","data":"new"}']);
    follower.close();
  });

  test('waits while its row is locked and does not hold up the others', async () => {
    const writer = openWriter(db);
    const locked = await openLog(db, writer);
    const free = await openLog(db, writer);
    await transaction(db, async (tx) => {
      await tx.execute(
        sql`SELECT 1 FROM outlast.workflow_executions WHERE id = ${locked.owner.executionId} FOR UPDATE`,
      );
      send(locked, note('later'));
      send(free, note('now'));
      await free.log.drained();
      expect(await storedLines(db, locked.owner.executionNo)).toEqual([]);
    });
    await locked.log.drained();
    expect(await storedLines(db, locked.owner.executionNo)).toHaveLength(1);
  });
});

test('numbers its chunks anew when somebody else took their seqs', async () => {
  const writer = openWriter(db);
  const opened = await openLog(db, writer);
  const { owner } = opened;
  const foreign = makeRows(
    [1, 2, 3].map((n) => ({ turn: 1, chunk: note(`foreign ${n}`) })),
    1,
    1,
  );
  await transaction(db, (tx) => insertInTransaction(tx, owner, foreign));
  send(opened, note('mine'), note('too'));
  await opened.log.drained();
  const rows = await storedRows(db, owner.executionNo);
  expect(rows.map(({ seq, n }) => [seq, n])).toEqual([
    [1, 3],
    [4, 2],
  ]);
  expect(opened.log.lastSeq).toBe(5);
});

describe('back-pressure', () => {
  test('a producer waits for the disk, loses nothing, and goes on', async () => {
    const proxy = await openPostgresProxy(database.url);
    const slow = openPool(proxy.url);
    const writer = openWriter(slow);
    const opened = await openLog(db, writer);
    proxy.cut();
    let accepted = 0;
    const text = 'x'.repeat(10_000);
    const produce = (async () => {
      for (let i = 0; i < 100; i++) {
        await opened.log.append(1, delta(text));
        accepted += 1;
      }
    })();
    await waitFor(() => accepted > 20, { describe: 'the first chunks' });
    for (let i = 0; i < 50; i++) await nextTick();
    expect(accepted).toBeLessThan(60);
    proxy.restore();
    await produce;
    await opened.log.drained();
    expect((await storedText(db, opened.owner.executionNo)).length).toBe(1_000_000);
    await slow.close();
    await proxy.close();
  });

  test('when the process is full every producer waits, and each goes on', async () => {
    const proxy = await openPostgresProxy(database.url);
    const slow = openPool(proxy.url);
    const writer = openWriter(slow);
    const logs = await openLogs(db, writer, 100);
    proxy.cut();
    const text = 'x'.repeat(50_000);
    const accepted = logs.map(() => 0);
    const producers = logs.map(async ({ log }, i) => {
      for (let n = 0; n < 12; n++) {
        await log.append(1, delta(text));
        accepted[i] = n + 1;
      }
    });
    await waitFor(() => writer.writer.isFull, { describe: 'a full process' });
    proxy.restore();
    await Promise.all(producers);
    await Promise.all(logs.map(({ log }) => log.drained()));
    expect(writer.writer.isFull).toBe(false);
    for (const { owner } of logs) expect((await storedText(db, owner.executionNo)).length).toBe(600_000);
    await slow.close();
    await proxy.close();
  });

  test('a chunk of 900 KB and 10,000 tiny ones arrive whole', async () => {
    const writer = openWriter(db);
    const opened = await openLog(db, writer);
    await opened.log.append(1, note('y'.repeat(900_000)));
    for (let i = 0; i < 10_000; i++) await opened.log.append(1, delta(`${i} `));
    await opened.log.drained();
    const expected = Array.from({ length: 10_000 }, (_, i) => `${i} `).join('');
    expect(await storedText(db, opened.owner.executionNo)).toBe(expected);
    expect((await storedLines(db, opened.owner.executionNo))[0]?.length).toBeGreaterThan(900_000);
  });
});

test('nothing is lost when all sessions are ended again and again', async () => {
  const own = openPool(database.url);
  const writer = openWriter(own);
  const logs = await openLogs(db, writer, 5);
  const pids = new Set<number>();
  own.pool.on('connect', (client) => pids.add((client as unknown as { processID: number }).processID));
  for (let i = 0; i < 100; i++) {
    for (const log of logs) send(log, delta(`${i},`));
    await nextTick();
    if (i % 10 === 5)
      await db.pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [[...pids]]);
  }
  await Promise.all(logs.map(({ log }) => log.drained()));
  const expected = Array.from({ length: 100 }, (_, i) => `${i},`).join('');
  for (const { owner } of logs) expect(await storedText(db, owner.executionNo)).toBe(expected);
  await own.close();
});
