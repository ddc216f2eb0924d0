import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { LogHints } from '../../src/chunks/log-hints.ts';
import { LogWatch, type WatchedThreads } from '../../src/chunks/log-watch.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { type ThreadFollower, ThreadNews } from '../../src/threads/thread-news.ts';
import { ThreadWatch } from '../../src/threads/thread-watch.ts';
import { insertRunning } from '../http/in-process.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;
let news: ThreadNews;
let threads: ThreadWatch;
let left: AbortController;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(() => {
  news = new ThreadNews();
  threads = new ThreadWatch(db, news, silentLog);
  left = new AbortController();
});
afterEach(() => left.abort());

interface Followed {
  id: string;
  threadNo: number;
  follower: ThreadFollower;
}

async function followOne(): Promise<Followed> {
  const { id } = await insertRunning(db);
  const { rows } = await db.pool.query('SELECT thread_no FROM outlast.workflow_executions WHERE id = $1', [
    id,
  ]);
  const threadNo = Number(rows[0].thread_no);
  return { id, threadNo, follower: news.follow(threadNo, left.signal, () => undefined) };
}

async function look(): Promise<void> {
  threads.look();
  await threads.settled();
}

/** Looks; says of whom there was news, and takes note of it. */
async function newsOf(...followed: Followed[]): Promise<boolean[]> {
  await look();
  return followed.map(({ follower }) => {
    const { isFresh } = follower;
    follower.take();
    return isFresh;
  });
}

function watchWith(parts: Partial<WatchedThreads>, pollMs: number): LogWatch {
  const watched: WatchedThreads = {
    get readers() {
      return threads.readers;
    },
    onFirstReader: (listener) => threads.onFirstReader(listener),
    heard: () => undefined,
    missed: () => undefined,
    look: () => undefined,
    settled: () => threads.settled(),
    ...parts,
  };
  const recentRows = new RecentRows();
  const watch = new LogWatch({
    db,
    databaseUrl: database.url,
    recentRows,
    threads: watched,
    logger: silentLog,
    pollMs,
  });
  watch.start();
  return watch;
}

test('a look tells the readers of the threads that have changed, and no others', async () => {
  const [one, other] = [await followOne(), await followOne()];
  expect(await newsOf(one, other)).toEqual([true, true]);
  expect(await newsOf(one, other)).toEqual([false, false]);
  await db.pool.query(
    `UPDATE outlast.workflow_executions
     SET status = 'suspended', worker_id = NULL, suspended_reason = 'approval' WHERE id = $1`,
    [one.id],
  );
  expect(await newsOf(one, other)).toEqual([true, false]);
  await db.pool.query('UPDATE outlast.threads SET last_ordinal = 2 WHERE no = $1', [one.threadNo]);
  expect(await newsOf(one, other)).toEqual([true, false]);
  await db.pool.query(
    `UPDATE outlast.workflow_executions
     SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 1 WHERE id = $1`,
    [other.id],
  );
  expect(await newsOf(one, other)).toEqual([false, true]);
  await db.pool.query('DELETE FROM outlast.threads WHERE no = $1', [other.threadNo]);
  expect(await newsOf(one, other)).toEqual([false, true]);
  // What is known to be final is not looked at any more, which is no news.
  one.follower.settle(0);
  expect(await newsOf(one, other)).toEqual([false, false]);
});

test('a thread is looked at again and again while it is followed', async () => {
  const watch = watchWith({ look: () => threads.look() }, 20);
  const { follower, threadNo } = await followOne();
  await waitFor(() => follower.isFresh, { describe: 'the first look' });
  follower.take();
  await db.pool.query('DELETE FROM outlast.threads WHERE no = $1', [threadNo]);
  await follower.next();
  expect(follower.isFresh).toBe(true);
  await watch.stop();
});

test('what another process says of a thread is heard by its readers, and by no others', async () => {
  const watch = watchWith({ heard: (threadNos) => threads.heard(threadNos) }, 600_000);
  const [one, other] = [await followOne(), await followOne()];
  await waitFor(() => watch.isHearing, { describe: 'a listener' });
  new ThreadNews(new LogHints(db, silentLog)).changed(one.threadNo);
  await one.follower.next();
  expect([one.follower.isFresh, other.follower.isFresh]).toEqual([true, false]);
  await watch.stop();
});

test('after a break of the connection every reader looks', async () => {
  const watch = watchWith({ missed: () => threads.missed() }, 600_000);
  const { follower } = await followOne();
  await follower.next();
  follower.take();
  await db.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'outlast listener' AND datname = current_database()`,
  );
  await follower.next();
  expect(follower.isFresh).toBe(true);
  await watch.stop();
});
