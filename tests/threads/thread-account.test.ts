import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { lookAtThread, type SeenExecution } from '../../src/threads/look-at-thread.ts';
import { ThreadAccount } from '../../src/threads/thread-account.ts';
import { append, insertRunning, setStatus } from '../http/in-process.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

/* What a reader is told that is behind the log at the moment of a look. */

const recentRows = new RecentRows();
const { signal } = new AbortController();

let database: TestDatabase;
let db: Database;
let id: string;
let no: number;
let threadNo: number;
let account: ThreadAccount;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  ({ id, no } = await insertRunning(db));
  const { rows } = await db.pool.query('SELECT thread_no FROM outlast.workflow_executions WHERE id = $1', [
    id,
  ]);
  threadNo = Number(rows[0].thread_no);
  account = new ThreadAccount(db, threadNo, { ordinal: 1, seq: 0, messagesAfter: 1 });
  expect(await tell()).toEqual(['execution running']);
  account.moveTo(1);
  const [execution] = await look();
  for await (const _ of account.begin(execution as SeenExecution, signal));
  await append({ db, recentRows }, no, 1, [
    { type: 'start' },
    { type: 'start-step' },
    { type: 'finish-step' },
  ]);
  account.have(1);
});

async function look(): Promise<SeenExecution[]> {
  return (await lookAtThread(db, threadNo, 1))?.executions ?? [];
}

/** What is told after a look, in short. */
async function tell(): Promise<string[]> {
  const told: string[] = [];
  for await (const event of account.tell(await look(), signal)) {
    if (event.kind === 'execution') told.push(`execution ${event.data.status}`);
    else if (event.kind === 'history') told.push(`history ${event.data.afterMessageId}`);
    else told.push(event.kind);
  }
  return told;
}

/** An execution that answers the first message again. */
async function answerAgain(): Promise<void> {
  await db.pool.query(
    `INSERT INTO outlast.workflow_executions
       (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
        drops_from, input)
     SELECT $1, tenant_id, owner_id, thread_no, 2, 'new', input_message_id, agent_id, source, 'queued', 1, 1, input
     FROM outlast.workflow_executions WHERE id = $2`,
    [uuidv7(), id],
  );
}

describe('a reader that is behind the log', () => {
  test.each([
    ['suspended', "status = 'suspended', worker_id = NULL, suspended_reason = 'question'"],
    ['queued', "status = 'queued', worker_id = NULL, segment = 2, attempt = 2"],
    ['completed', "status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 3"],
  ])('is told that the execution is %s once it has the rows before that', async (status, set) => {
    await setStatus(db, id, set);
    expect(await tell()).toEqual([]);
    expect(account.owes).toBe(true);
    account.have(3);
    expect(await tell()).toEqual([`execution ${status}`]);
    expect(account.owes).toBe(false);
    expect(await tell()).toEqual([]);
  });

  test('is told at once that it runs again', async () => {
    await setStatus(db, id, 'segment = 2, attempt = 3');
    expect(await tell()).toEqual(['execution running']);
    expect(account.owes).toBe(false);
  });

  test('gets the end of an answer before it is told that the answer is history no more', async () => {
    await setStatus(db, id, "status = 'cancelled', worker_id = NULL, finished_at = now(), last_seq = 3");
    await answerAgain();
    expect(await tell()).toEqual([]);
    expect(account.owes).toBe(true);
    account.have(3);
    expect(await tell()).toEqual(['execution cancelled', 'history question', 'execution queued']);
  });
});

describe('a reader that comes back', () => {
  test('is told of the change of the history, and not of what left it', async () => {
    await setStatus(db, id, "status = 'cancelled', worker_id = NULL, finished_at = now(), last_seq = 3");
    await answerAgain();
    account = new ThreadAccount(db, threadNo, { ordinal: 1, seq: 2, messagesAfter: 1 });
    expect(await tell()).toEqual(['history question', 'execution queued']);
  });
});
