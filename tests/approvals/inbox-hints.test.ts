import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { INBOX, LogHints } from '../../src/chunks/log-hints.ts';
import { LogWatch, type WatchedInbox } from '../../src/chunks/log-watch.ts';
import { LogWriter } from '../../src/chunks/log-writer.ts';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { failPlainly } from '../../src/executions/fail-plainly.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import { approvalsOf, askFor, callAll } from '../support/approvals.ts';
import { recordDispatch } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { agentThatActs, look, pay, question } from './agent.ts';

let database: TestDatabase;
let db: Database;
let published: number[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 5);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(() => {
  published = [];
  jest.spyOn(LogWriter.prototype, 'publish').mockImplementation((no) => void published.push(no));
});
afterEach(() => void jest.restoreAllMocks());

const told = () => published.includes(INBOX);
const outcome = { status: 'failed', code: 'model-error', detail: 'x' } as const;

test.each([
  ['an approval', pay('c1'), true],
  ['a question', question('c1'), true],
  ['nothing', look('c1'), false],
])('a turn that asks for %s tells the inbox only if somebody is asked', async (_, call, expected) => {
  await askFor(db, agentThatActs().agent, [call]);
  expect(told()).toBe(expected);
});

test('a call that has to be asked about only later tells the inbox', async () => {
  const owned = await askFor(db, agentThatActs({ needsApproval: false }).agent, [pay('c1')]);
  expect(told()).toBe(false);
  await callAll(db, owned, agentThatActs().agent, ['c1']);
  expect(told()).toBe(true);
});

test.each([
  ['the usual way', true],
  ['plainly', false],
])('an execution that ends %s tells the inbox what it cancels, and nothing else', async (_, isUsual) => {
  for (const [call, expected] of [
    [pay('c1'), true],
    [look('c1'), false],
  ] as const) {
    const owned = await askFor(db, agentThatActs().agent, [call]);
    published = [];
    if (isUsual) await finishExecution({ db, ...recordDispatch() }, owned, outcome);
    else await failPlainly({ db }, owned, owned.signal);
    expect((await approvalsOf(db, owned)).map(({ status }) => status)).toEqual(expected ? ['cancelled'] : []);
    expect(told()).toBe(expected);
  }
});

test('a hint of another process, and each new connection that listens, wakes the watch of the inbox', async () => {
  let looks = 0;
  const inbox: WatchedInbox = { readers: 1, onFirstReader: () => undefined, look: () => void looks++ };
  const recentRows = new RecentRows();
  const watch = new LogWatch({
    db,
    databaseUrl: database.url,
    recentRows,
    inbox,
    logger: silentLog,
    pollMs: 20,
  });
  expect(watch.isHearing).toBe(false);
  watch.start();
  try {
    await waitFor(() => looks === 1 && watch.isHearing, { describe: 'listening' });
    const hints = new LogHints(db, silentLog);
    hints.add({ executionNo: 7, lastSeq: 3 });
    hints.add({ executionNo: INBOX, lastSeq: 0 });
    await waitFor(() => looks === 2, { describe: 'the hint' });
  } finally {
    await watch.stop();
  }
});
