import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { LogHints } from '../../src/chunks/log-hints.ts';
import { LogWatch } from '../../src/chunks/log-watch.ts';
import { readLog } from '../../src/chunks/read-log.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { openPool } from '../support/log-database.ts';
import { type OpenedLog, openLog, openWriter } from '../support/opened-log.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;
let opened: OpenedLog;
let recentRows: RecentRows;
let watch: LogWatch;
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
  opened = await openLog(db, openWriter(db));
  recentRows = new RecentRows();
  // Nobody tells this process anything: what it learns, it finds by looking.
  watch = new LogWatch({ db, databaseUrl: database.url, recentRows, logger: silentLog, pollMs: 20 });
  watch.start();
  left = new AbortController();
});

afterEach(async () => {
  left.abort();
  await watch.stop();
});

async function write(...chunks: Chunk[]): Promise<void> {
  for (const chunk of chunks) {
    await opened.log.append(1, chunk);
    await opened.log.drained();
  }
}

/** A reader that looks at the table only when it is told to. */
function read(): number[] {
  const seqs: number[] = [];
  const log = readLog(db, recentRows, opened.owner.executionNo, {
    after: 0,
    signal: left.signal,
    pollMs: 600_000,
  });
  void (async () => {
    for await (const lines of log) for (const { seq } of lines) seqs.push(seq);
  })();
  return seqs;
}

test('a look at the table brings what other processes wrote', async () => {
  const seqs = read();
  await write({ type: 'start' }, { type: 'start-step' });
  await waitFor(() => seqs.length === 2, { describe: 'two rows' });
});

test('a look brings what was packed into one row with what the readers have', async () => {
  const seqs = read();
  await write({ type: 'start' }, { type: 'start-step' });
  await waitFor(() => recentRows.tailOf(opened.owner.executionNo) === 2, { describe: 'two rows' });
  await db.pool.query(
    `WITH gone AS (DELETE FROM outlast.stream_chunks WHERE execution_no = $1 AND seq = 2)
     UPDATE outlast.stream_chunks SET n = 4, chunks = chunks || $2 WHERE execution_no = $1 AND seq = 1`,
    [
      opened.owner.executionNo,
      ['', '{"type":"start-step"}', '{"type":"finish-step"}', '{"type":"finish"}'].join('\n'),
    ],
  );
  await waitFor(() => seqs.length === 4, { describe: 'all four' });
  expect(seqs).toEqual([1, 2, 3, 4]);
});

test('that something other than rows has changed is heard by the readers of other processes', async () => {
  const { executionNo } = opened.owner;
  const follower = recentRows.follow(executionNo, left.signal);
  await waitFor(() => watch.isHearing, { describe: 'a listener' });
  new LogHints(db, silentLog).add({ executionNo, lastSeq: 0 });
  expect(await follower.news(60_000)).toBe(true);
  follower.close();
});
