import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import type { Database } from '../../src/db/database.ts';
import { type Fault, type FaultyDatabase, openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool, type StoredRow, storedRows } from '../support/log-database.ts';
import { CheckingReader, expectStored, LoggedExecution, LogProcess } from '../support/log-world.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const PROCESSES = 2;
const EXECUTIONS = 2;

const execution = fc.nat(EXECUTIONS - 1);
const processIndex = fc.nat(PROCESSES - 1);

type Op =
  | { do: 'append' | 'transact'; execution: number; times: number; isDelta: boolean }
  | { do: 'turn' | 'drain' | 'foreign' | 'lock' | 'unlock'; execution: number }
  | { do: 'claim'; execution: number; process: number }
  | { do: 'read'; execution: number; process: number; after: number }
  | { do: 'leave'; reader: number }
  | { do: 'crash' | 'disconnect' | 'release'; process: number }
  | { do: 'tick' };

const append: fc.Arbitrary<Op> = fc.record({
  do: fc.constant('append'),
  execution,
  times: fc.integer({ min: 1, max: 6 }),
  isDelta: fc.boolean(),
});
const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: append },
    { weight: 5, arbitrary: fc.constant<Op>({ do: 'tick' }) },
    { weight: 3, arbitrary: append.map((op) => ({ ...op, do: 'transact' }) as Op) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('turn', 'drain', 'foreign', 'lock', 'unlock'),
        execution,
      }) as fc.Arbitrary<Op>,
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('claim'),
        execution,
        process: processIndex,
      }) as fc.Arbitrary<Op>,
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('read'),
        execution,
        process: processIndex,
        after: fc.nat(12),
      }) as fc.Arbitrary<Op>,
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave'), reader: fc.nat(3) }) as fc.Arbitrary<Op> },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('crash', 'disconnect', 'release'),
        process: processIndex,
      }) as fc.Arbitrary<Op>,
    },
  ),
  { minLength: 5, maxLength: 40 },
);
const faults: fc.Arbitrary<Fault[]> = fc.array(
  fc.constantFrom<Fault>('none', 'none', 'before', 'after', 'late', 'open'),
  { maxLength: 15 },
);
const faultPlans = fc.array(faults, { minLength: PROCESSES, maxLength: PROCESSES });

describe('the log', () => {
  let database: TestDatabase;
  let plain: Database;
  let databases: FaultyDatabase[];

  beforeAll(async () => {
    database = await createTestDatabase();
    plain = openPool(database.url);
    databases = Array.from({ length: PROCESSES }, () => openFaultyDatabase(database.url));
  });

  afterAll(async () => {
    for (const db of [...databases, plain]) await db.close();
    await database.drop();
  });

  test('holds each chunk once, in order, under one owner at a time, whatever breaks', async () => {
    await fc.assert(
      fc.asyncProperty(ops, faultPlans, async (program, plans) => {
        databases.forEach((db, i) => db.plan(plans[i] ?? []));
        await run(program);
      }),
      { numRuns: 150, endOnFailure: true, timeout: 15_000 },
    );
  }, 120_000);

  async function run(program: readonly Op[]): Promise<void> {
    const pending: Promise<unknown>[] = [];
    const checks: Promise<unknown>[] = [];
    const processes = databases.map(
      (db) => new LogProcess(db, (no, rows) => checks.push(expectStored(plain, no, rows))),
    );
    const releaseLate = () => Promise.all(databases.map((db) => db.releaseLate()));
    const executions: LoggedExecution[] = [];
    const readers: CheckingReader[] = [];
    for (let i = 0; i < EXECUTIONS; i++) {
      const made = await LoggedExecution.create(plain, pending);
      await made.claim(processes[i % PROCESSES] as LogProcess, releaseLate);
      executions.push(made);
    }
    for (const op of program) await perform(op, { processes, executions, readers, releaseLate });
    for (const db of databases) db.plan([]);
    for (const one of executions) await one.unlock();
    await releaseLate();
    for (const one of executions) one.drain();
    await Promise.all(pending);
    await releaseLate();
    for (const one of executions) await check(one);
    for (const reader of readers) {
      const rows = await storedRows(plain, reader.execution.no);
      await reader.caughtUpWith(Math.min(endOf(rows), Math.max(reader.cursor, endOf(rows))));
      await reader.leave();
    }
    await Promise.all(checks);
    for (const { recentRows } of processes) expect(recentRows.readers).toBe(0);
    for (const one of processes) await one.crash();
  }

  interface World {
    processes: LogProcess[];
    executions: LoggedExecution[];
    readers: CheckingReader[];
    releaseLate(): Promise<unknown>;
  }

  async function perform(op: Op, { processes, executions, readers, releaseLate }: World): Promise<void> {
    const one = executions['execution' in op ? op.execution : 0] as LoggedExecution;
    const where = processes['process' in op ? op.process : 0] as LogProcess;
    switch (op.do) {
      case 'append':
        return one.append(op.times, op.isDelta);
      case 'transact':
        return one.transact(op.times);
      case 'turn':
        return one.nextTurn();
      case 'drain':
        return one.drain();
      case 'foreign':
        return one.appendForeign(releaseLate);
      case 'lock':
        return one.lock();
      case 'unlock':
        return one.unlock();
      case 'claim':
        return one.claim(where, releaseLate);
      case 'read': {
        const after = Math.min(op.after, endOf(await storedRows(plain, one.no)));
        readers.push(new CheckingReader(where, plain, one, after));
        return;
      }
      case 'leave':
        for (const reader of readers.splice(op.reader, 1)) await reader.leave();
        return;
      case 'crash':
        await releaseLate();
        return where.crash();
      case 'disconnect':
        return disconnect(where.db);
      case 'release':
        return where.db.releaseLate();
      case 'tick':
        await plain.pool.query('SELECT 1');
    }
  }

  /** Ends every session of a process, whatever it is at. */
  async function disconnect(db: FaultyDatabase): Promise<void> {
    await plain.pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [db.sessions()]);
  }

  async function check(one: LoggedExecution): Promise<void> {
    const rows = await storedRows(plain, one.no);
    expectContiguous(rows);
    const lines = rows.flatMap((row) => row.chunks.split('\n'));
    for (const [seq, chunk] of one.seen) expect(lines[seq - 1]).toBe(chunk);
    expectAllConfirmed(one);
    expectOneOwnerAtATime(rows, one);
    expectEachOnce(lines, one);
    await expectValid(rows);
  }
});

function endOf(rows: readonly StoredRow[]): number {
  const last = rows.at(-1);
  return last === undefined ? 0 : last.seq + last.n - 1;
}

/** L1 */
function expectContiguous(rows: readonly StoredRow[]): void {
  let next = 1;
  for (const row of rows) {
    expect(row.seq).toBe(next);
    expect(row.chunks.split('\n')).toHaveLength(row.n);
    next += row.n;
  }
}

/** Whatever went wrong on the way, the last owner got all of it in, unless its process ended. */
function expectAllConfirmed({ tenure }: LoggedExecution): void {
  if (tenure.isCrashed()) return;
  expect(tenure.confirmed).toBe(tenure.appended.length);
  for (const { committed } of tenure.transactions) expect(committed).toBe(true);
}

/** L4 */
function expectOneOwnerAtATime(rows: readonly StoredRow[], one: LoggedExecution): void {
  for (const { owner, claimSeq } of one.tenures) {
    for (const row of rows) expect(row.attempt >= owner.attempt).toBe(row.seq > claimSeq);
  }
}

/** What was confirmed is there; what is there is what was appended, up to some point, each once and in order. */
function expectEachOnce(lines: readonly string[], one: LoggedExecution): void {
  const tokens = lines.flatMap((line) => {
    const chunk = JSON.parse(line) as { delta?: string; data?: string };
    return (chunk.delta ?? chunk.data ?? '').match(/<[^>]+>/g) ?? [];
  });
  const known: string[] = [];
  for (const tenure of one.tenures) {
    const appended = tokens.filter((token) => tenure.appended.includes(token));
    expect(appended).toEqual(tenure.appended.slice(0, appended.length));
    expect(appended.length).toBeGreaterThanOrEqual(tenure.confirmed);
    known.push(...appended);
    for (const { tokens: own, after, committed } of tenure.transactions) {
      const at = tokens.indexOf(own[0] as string);
      if (committed) expect(at).not.toBe(-1);
      if (at === -1) continue;
      expect(tokens.slice(at, at + own.length)).toEqual(own);
      for (const earlier of tenure.appended.slice(0, after)) expect(tokens.slice(0, at)).toContain(earlier);
      known.push(...own);
    }
  }
  known.push(...one.foreign);
  expect([...tokens].sort()).toEqual(known.sort());
}

/** L5, at some of the moments that a reader could have seen. */
async function expectValid(rows: readonly StoredRow[]): Promise<void> {
  const stride = Math.max(1, Math.ceil(rows.length / 5));
  for (let end = rows.length; end > 0; end -= stride) {
    const lines = rows.slice(0, end).flatMap((row) => row.chunks.split('\n'));
    await foldChunks(
      lines.map((line) => JSON.parse(line) as Chunk),
      'm',
    );
  }
}
