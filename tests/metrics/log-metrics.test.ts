import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { HINT_CHANNEL, LogHints } from '../../src/chunks/log-hints.ts';
import { LogListener } from '../../src/chunks/log-listener.ts';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import { createMetrics, type Metrics } from '../../src/metrics/create-metrics.ts';
import { type FaultyDatabase, openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool, storedRows, takeOver } from '../support/log-database.ts';
import { openLog } from '../support/opened-log.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { parseScrape } from './scrape.ts';

const delta = (text: string) => ({ type: 'text-delta', id: 't', delta: text }) as const;
const note = (data: unknown) => ({ type: 'data-note', data }) as const;

let database: TestDatabase;
let db: Database;
let faulty: FaultyDatabase;
let metrics: Metrics;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
  faulty = openFaultyDatabase(database.url);
});

afterAll(async () => {
  await faulty.close();
  await db.close();
  await database.drop();
});

beforeEach(() => {
  metrics = createMetrics();
});

async function valueOf(sample: string): Promise<number> {
  return parseScrape(await metrics.scrape()).value(sample);
}

function openMeasured(on: Database = db) {
  const recentRows = new RecentRows();
  const hints = new LogHints(on, silentLog, metrics.hints);
  const options = { db: on, recentRows, hints, logger: silentLog, flushIntervalMs: 0, metrics: metrics.log };
  const writer = new LogWriter(options);
  metrics.observeLogWriter(writer);
  return openLog(on, { writer } as Parameters<typeof openLog>[1]);
}

test('what is counted as appended is what the table has, by whichever path it came there', async () => {
  const { log, owner } = await openMeasured();
  await Promise.all([log.append(1, note('straße')), log.append(1, note('b')), log.append(2, note('c'))]);
  await log.drained();
  await log.transact({ work: async ({ append }) => append(2, note('d'), note('e')) });
  const rows = await storedRows(db, owner.executionNo);
  expect(await valueOf('outlast_log_appended_rows_total')).toBe(rows.length);
  expect(await valueOf('outlast_log_appended_chunks_total')).toBe(5);
  const bytes = rows.reduce((sum, { chunks }) => sum + Buffer.byteLength(chunks), 0);
  expect(await valueOf('outlast_log_appended_bytes_total')).toBe(bytes);
  // The transaction is no batch of the group commit.
  expect(await valueOf('outlast_log_batch_rows_count')).toBe(1);
  expect(await valueOf('outlast_log_batch_rows_sum')).toBe(2);
  expect(await valueOf('outlast_log_commit_seconds_count')).toBe(1);
  expect(await valueOf('outlast_log_waiting_bytes')).toBe(0);
});

test.each(['before', 'after'] as const)(
  'rows are counted once when the connection breaks %s',
  async (fault) => {
    const { log, owner } = await openMeasured(faulty);
    faulty.plan([fault]);
    await log.append(1, note('a'));
    await log.drained();
    faulty.plan([fault]);
    await log.transact({ work: async ({ append }) => append(1, note('b')) });
    expect(await storedRows(db, owner.executionNo)).toHaveLength(2);
    expect(await valueOf('outlast_log_appended_rows_total')).toBe(2);
  },
);

test('shows what waits for the disk', async () => {
  const { log } = await openMeasured();
  void log.append(1, delta('x'.repeat(1000)));
  expect(await valueOf('outlast_log_waiting_bytes')).toBeGreaterThanOrEqual(1000);
  await log.drained();
  expect(await valueOf('outlast_log_waiting_bytes')).toBe(0);
});

test('counts what the fence refuses, once for each log', async () => {
  const { log, owner, lost } = await openMeasured();
  await takeOver(db, owner);
  await log.append(1, note('too late'));
  await waitFor(() => lost.length > 0, { describe: 'the log is lost' });
  expect(await valueOf('outlast_log_fence_refusals_total')).toBe(1);
  expect(await valueOf('outlast_log_appended_rows_total')).toBe(0);
});

test('counts the refusal of a transaction', async () => {
  const { log, owner } = await openMeasured();
  await takeOver(db, owner);
  await expect(log.transact({ work: async () => undefined })).rejects.toThrow(OwnershipLost);
  expect(await valueOf('outlast_log_fence_refusals_total')).toBe(1);
});

test('counts what is said and heard, and tells listening again from a first time', async () => {
  const { log } = await openMeasured();
  const heard: number[] = [];
  const listener = new LogListener({
    databaseUrl: database.url,
    logger: silentLog,
    onHints: (hints) => heard.push(hints.length),
    onListening: () => undefined,
    metrics: metrics.watch,
  });
  const listens = () => valueOf('outlast_log_listens_total');
  const relistens = () => valueOf('outlast_log_relistens_total');
  listener.start();
  await waitFor(() => listener.isListening, { describe: 'listening' });
  expect([await listens(), await relistens()]).toEqual([1, 0]);

  await log.append(1, note('a'));
  await log.drained();
  await waitFor(() => heard.length > 0, { describe: 'a notification' });
  expect(await valueOf('outlast_log_wake_ups_total')).toBe(1);
  expect(await valueOf('outlast_log_hints_sent_total')).toBe(1);

  await db.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'outlast listener'`,
  );
  await waitFor(async () => (await listens()) === 2, { describe: 'listening again' });
  expect(await relistens()).toBe(1);

  await listener.stop();
  listener.start();
  await waitFor(() => listener.isListening, { describe: 'listening after a pause' });
  expect([await listens(), await relistens()]).toEqual([3, 1]);
  await db.pool.query(`NOTIFY ${HINT_CHANNEL}, 'no hint'`);
  await waitFor(() => heard.length > 1, { describe: 'a second notification' });
  expect(await valueOf('outlast_log_wake_ups_total')).toBe(2);
  await listener.stop();
});
