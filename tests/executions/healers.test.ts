import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import type { Database } from '../../src/db/database.ts';
import { executionAttempts } from '../../src/db/schema.ts';
import { discardSegments, findOrphanedSegments, findStuckSegments } from '../../src/dbos/stuck-segments.ts';
import { checkTakeoverBudget } from '../../src/executions/takeover-budget.ts';
import { Sweeper, type SweeperOptions } from '../../src/workers/sweeper.ts';
import { agentThatActs, pay } from '../approvals/agent.ts';
import { askFor, suspend } from '../support/approvals.ts';
import {
  claim,
  createIn,
  executionOf,
  insertWorker,
  own,
  type RecordedDispatch,
  recordDispatch,
} from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';

const SWEEPER = 'sweeper';
const LIVE = 'live';

let database: TestDatabase;
let db: Database;
let recorded: RecordedDispatch;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 10);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

beforeEach(async () => {
  await db.orm.execute(sql`TRUNCATE outlast.threads, outlast.workers, dbos.workflow_status CASCADE`);
  for (const workerId of [LIVE, SWEEPER]) await insertWorker(db, { workerId });
  recorded = recordDispatch();
});

function makeSweeper(options: Partial<SweeperOptions> = {}): Sweeper {
  return new Sweeper({
    db,
    workerId: SWEEPER,
    place: { host: 'here', pidNamespace: 'here', pid: 1, processStart: 'boot/1' },
    intervalMs: 60_000,
    deadAfterMs: 60_000,
    dispatch: recorded.dispatch,
    segments: {
      findStuck: (of, limit) => findStuckSegments(of, LIVE, limit),
      findOrphaned: findOrphanedSegments,
      discard: discardSegments,
    },
    mayJudge: () => true,
    logger: silentLog,
    ...options,
  });
}

/** A workflow as DBOS has it. */
async function insertWorkflow(id: string, status: string, executorId: string): Promise<void> {
  await db.orm.execute(sql`
    INSERT INTO dbos.workflow_status (workflow_uuid, status, name, executor_id)
    VALUES (${id}, ${status}, 'agentExecution', ${executorId})`);
}

async function workflowIds(): Promise<string[]> {
  const { rows } = await db.orm.execute<{ id: string }>(sql`
    SELECT workflow_uuid AS id FROM dbos.workflow_status ORDER BY 1`);
  return rows.map(({ id }) => id);
}

async function longAgo(id: string): Promise<void> {
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET queued_at = now() - interval '1 minute' WHERE id = ${id}`);
}

/** An execution that runs at a worker that lives, with its workflow. */
async function createRunning(workflowStatus: string | undefined): Promise<string> {
  const id = await createIn(db);
  if (workflowStatus !== undefined) await insertWorkflow(`${id}:1`, workflowStatus, LIVE);
  await claim(db, LIVE, id);
  return id;
}

async function reasonsOf(id: string): Promise<(string | null)[]> {
  const attempts = await db.orm.select().from(executionAttempts);
  return attempts.filter(({ executionId }) => executionId === id).map(({ endReason }) => endReason);
}

describe('is healed: an execution that', () => {
  test.each([
    ['is queued without a workflow', undefined, LIVE],
    ['is queued, and its workflow has succeeded', 'SUCCESS', LIVE],
    ['is queued, and its workflow has failed', 'ERROR', LIVE],
    ['is queued, and its workflow was cancelled', 'CANCELLED', LIVE],
    ['is queued, and its workflow was given up', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED', LIVE],
    ['is queued, and its workflow is pending at a process without a lease', 'PENDING', 'nobody'],
  ])('%s', async (_, status, executorId) => {
    const id = await createIn(db);
    if (status !== undefined) await insertWorkflow(`${id}:1`, status, executorId);
    await longAgo(id);
    await makeSweeper().sweep();
    expect(recorded.launched).toEqual([`${id}:2`]);
    expect(await executionOf(db, id)).toMatchObject({ status: 'queued', segment: 2, attempt: 1 });
    expect(await workflowIds()).toEqual([]);
  });

  test.each(['SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED', undefined])(
    'runs at a worker that lives, and its workflow is %s',
    async (status) => {
      const id = await createRunning(status);
      await makeSweeper().sweep();
      expect(recorded.launched).toEqual([`${id}:2`]);
      expect(await executionOf(db, id)).toMatchObject({ status: 'queued', segment: 2, workerId: null });
      expect(await reasonsOf(id)).toEqual(['crashed']);
    },
  );

  test('is suspended with nothing left that it could wait for', async () => {
    const id = await createRunning('SUCCESS');
    await db.orm.execute(sql`
      UPDATE outlast.workflow_executions SET status = 'suspended', suspended_reason = 'approval', worker_id = NULL,
        suspended_at = now() - interval '1 minute' WHERE id = ${id}`);
    await makeSweeper().sweep();
    expect(recorded.launched).toEqual([`${id}:2`]);
    expect(await executionOf(db, id)).toMatchObject({ status: 'queued', suspendedReason: null });
  });
});

test('is left alone: an execution that is suspended and waits for somebody', async () => {
  const { agent } = agentThatActs();
  const owned = await askFor(db, agent, [pay('c1')]);
  const { id } = owned.claimed;
  await suspend(owned);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET suspended_at = now() - interval '1 minute' WHERE id = ${id}`);
  recorded = recordDispatch();
  await makeSweeper().sweep();
  expect(recorded.launched).toEqual([]);
  expect(await executionOf(db, id)).toMatchObject({ status: 'suspended', suspendedReason: 'approval' });
});

test('is left alone: an execution that waits in the queue, or that runs', async () => {
  const [queued, started] = [await createIn(db), await createIn(db)];
  await insertWorkflow(`${queued}:1`, 'ENQUEUED', LIVE);
  await insertWorkflow(`${started}:1`, 'PENDING', LIVE);
  for (const id of [queued, started]) await longAgo(id);
  await createIn(db);
  await createRunning('PENDING');
  recorded = recordDispatch();
  await makeSweeper().sweep();
  expect(recorded.launched).toEqual([]);
});

describe('a workflow that is pending at a process without a lease', () => {
  test('is discarded when its execution is final, has moved on or is gone', async () => {
    const final = await createRunning('PENDING');
    await db.orm.execute(sql`
      UPDATE outlast.workflow_executions SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 0
      WHERE id = ${final}`);
    const moved = await createRunning('PENDING');
    await db.orm.execute(sql`UPDATE outlast.workflow_executions SET segment = 2 WHERE id = ${moved}`);
    await insertWorkflow(`${moved}:2`, 'PENDING', LIVE);
    await db.orm.execute(
      sql`UPDATE dbos.workflow_status SET executor_id = 'nobody' WHERE workflow_uuid <> ${`${moved}:2`}`,
    );
    await insertWorkflow('00000000-0000-7000-8000-000000000000:1', 'PENDING', 'nobody');
    await makeSweeper().sweep();
    expect(await workflowIds()).toEqual([`${moved}:2`]);
  });

  test('is kept while its process lives, whatever became of its execution', async () => {
    const final = await createRunning('PENDING');
    await db.orm.execute(sql`
      UPDATE outlast.workflow_executions SET status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 0
      WHERE id = ${final}`);
    await makeSweeper().sweep();
    expect(await workflowIds()).toEqual([`${final}:1`]);
  });
});

describe('why an attempt ended is', () => {
  test('crashed, when its process is known to be gone', async () => {
    const gone = await insertWorker(db, {
      bootId: 'boot',
      pidNamespace: 'here',
      pid: 999_999_999,
      processStart: 'boot/5',
    });
    const id = await createIn(db);
    await claim(db, gone, id);
    await makeSweeper({ mayJudge: () => false }).sweep();
    expect(await reasonsOf(id)).toEqual(['crashed']);
    expect(recorded.launched).toEqual([`${id}:2`]);
  });

  test('lease-lost, when it was only silent; also if another sweeper hands it over', async () => {
    const silent = await insertWorker(db, { bootId: 'other', heartbeatAt: new Date(0) });
    const id = await createIn(db);
    await claim(db, silent, id);
    const failing = { ...recorded, dispatch: () => Promise.reject(new Error('This sweeper dies here')) };
    await makeSweeper({ deadAfterMs: 0, dispatch: failing.dispatch }).sweep();
    expect(await executionOf(db, id)).toMatchObject({ status: 'running', attempt: 1 });
    await makeSweeper().sweep();
    expect(recorded.launched).toEqual([`${id}:2`]);
    expect(await reasonsOf(id)).toEqual(['lease-lost']);
  });
});

describe('an execution under which workers die', () => {
  /** One that has been claimed, and whose worker has died, so often. */
  async function dieUnder(id: string, from: number, times: number): Promise<void> {
    for (let i = from; i < from + times; i++) {
      const worker = await insertWorker(db, { bootId: 'other', heartbeatAt: new Date(0) });
      await claim(db, worker, id, i);
      await db.orm.execute(sql`DELETE FROM outlast.workers WHERE worker_id = ${worker}`);
      await makeSweeper().sweep();
    }
  }

  const outcome = { status: 'failed', code: 'takeover-budget-exhausted' };

  test('may go on until the budget is used up', async () => {
    const id = await createIn(db);
    await dieUnder(id, 1, 4);
    expect(await checkTakeoverBudget(db.orm, await claim(db, LIVE, id, 5), 5)).toBeUndefined();
    await db.orm.execute(sql`UPDATE outlast.workflow_executions SET worker_id = 'nobody' WHERE id = ${id}`);
    await makeSweeper().sweep();
    const last = await claim(db, LIVE, id, 6);
    expect(await checkTakeoverBudget(db.orm, last, 5)).toMatchObject({ do: 'finish', outcome });
    expect(await checkTakeoverBudget(db.orm, last, 6)).toBeUndefined();
  });

  test('may go on for as long as it gets on in between', async () => {
    const id = await createIn(db);
    await dieUnder(id, 1, 4);
    const owned = own(db, await claim(db, LIVE, id, 5));
    await db.orm.execute(sql`
      INSERT INTO outlast.execution_turns (execution_id, turn, tenant_id, attempt, model, response_messages,
        finish_reason, ended_at)
      VALUES (${id}, 1, 'default', ${owned.claimed.attempt}, 'm', '[]', 'stop', clock_timestamp())`);
    await db.orm.execute(sql`UPDATE outlast.workflow_executions SET worker_id = 'nobody' WHERE id = ${id}`);
    await makeSweeper().sweep();
    await dieUnder(id, 6, 3);
    expect(await checkTakeoverBudget(db.orm, await claim(db, LIVE, id, 9), 5)).toBeUndefined();
  });
});
