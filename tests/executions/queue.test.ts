import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isToolUIPart } from 'ai';
import { and, asc, eq } from 'drizzle-orm';
import { type Database, transaction } from '../../src/db/database.ts';
import { messages, threads, workflowExecutions } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { failPlainly } from '../../src/executions/fail-plainly.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import { retryExecution } from '../../src/executions/retry-execution.ts';
import { Problem } from '../../src/problems/problem.ts';
import {
  claim,
  createIn,
  createOwned,
  executionOf,
  insertWorker,
  own,
  recordDispatch,
} from '../support/executions.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { openPool, storedLines, takeOver } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const COMPLETED = { status: 'completed', finishReason: 'stop' } as const;
const FAILED = { status: 'failed', code: 'model-error', detail: 'The model is gone' } as const;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 20);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

async function answer(owned: OwnedExecution): Promise<void> {
  const { log } = owned;
  owned.loggedTurn = 1;
  await log.append(0, { type: 'start', messageId: owned.claimed.messageId });
  await log.append(1, { type: 'start-step' });
  await log.append(1, { type: 'text-start', id: 'a' });
  await log.append(1, { type: 'text-delta', id: 'a', delta: 'so far' });
  await log.append(1, { type: 'tool-input-available', toolCallId: 'c', toolName: 'look', input: {} });
}

async function messageOf(owned: OwnedExecution) {
  const [message] = await db.orm.select().from(messages).where(eq(messages.id, owned.claimed.messageId));
  return message;
}

describe('a thread', () => {
  test('is answered by the agent that is chosen for it, told the last one, and not made without one', async () => {
    const told: (string | null)[] = [];
    const choose = (agentId: string) => (ofThread: string | null) => {
      told.push(ofThread);
      return agentId;
    };
    await createIn(db, 'chosen', undefined, { chooseAgent: choose('first') });
    const second = await createIn(db, 'chosen', undefined, { chooseAgent: choose('second') });
    await createIn(db, 'chosen', undefined, { chooseAgent: choose('third') });
    expect(told).toEqual([null, 'first', 'second']);
    expect(await executionOf(db, second)).toMatchObject({ agentId: 'second' });

    const chooseAgent = () => {
      throw new Problem('agent-required', 'Which?');
    };
    await expect(createIn(db, 'unmade', undefined, { chooseAgent })).rejects.toThrow('Which?');
    expect(await db.orm.$count(threads, eq(threads.id, 'unmade'))).toBe(0);
  });

  test('gives one of many at once its turn and keeps the others in order (E5)', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => createIn(db, 'crowd')));
    const rows = await db.orm
      .select({ ordinal: workflowExecutions.ordinal, segment: workflowExecutions.segment })
      .from(workflowExecutions)
      .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
      .where(and(eq(threads.id, 'crowd')))
      .orderBy(asc(workflowExecutions.ordinal));
    expect(ids).toHaveLength(12);
    expect(rows).toEqual(
      Array.from({ length: 12 }, (_, i) => ({ ordinal: i + 1, segment: i === 0 ? 1 : 0 })),
    );
  });

  test('refuses a second execution for one who does not want to wait', async () => {
    const first = await createIn(db, 'busy');
    await expect(createIn(db, 'busy', recordDispatch(), { onBusy: 'reject' })).rejects.toMatchObject({
      code: 'thread-busy',
    });
    expect((await executionOf(db, first)).ordinal).toBe(1);
  });

  test('refuses a message id that it has, and leaves nothing behind', async () => {
    const message = { id: 'm1', parts: [] };
    await createIn(db, 'same-id', recordDispatch(), { message });
    await expect(createIn(db, 'same-id', recordDispatch(), { message })).rejects.toMatchObject({
      code: 'message-id-reused',
    });
    await createIn(db, 'another-thread', recordDispatch(), { message });
  });

  test('runs what waits one after the other, each dispatched by the end of the one before', async () => {
    const recorded = recordDispatch();
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await createIn(db, 'queue', recorded));
    expect(recorded.launched).toEqual([`${ids[0]}:1`]);
    for (const [i, id] of ids.entries()) {
      const owned = own(db, await claim(db, await insertWorker(db), id));
      await answer(owned);
      await finishExecution({ db, dispatch: recorded.dispatch }, owned, i === 1 ? FAILED : COMPLETED);
    }
    expect(recorded.launched).toEqual(ids.map((id) => `${id}:1`));
  });
});

describe('finishing', () => {
  test('seals the log, ends it with one final row, and stores what it folds to, at once', async () => {
    const owned = await createOwned(db);
    await answer(owned);
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, COMPLETED);
    const lines = await storedLines(db, owned.claimed.no);
    expect(lines.filter((line) => line.includes('"type":"finish"'))).toEqual([
      '{"type":"finish","finishReason":"stop"}',
    ]);
    expect(lines.at(-1)).toBe('{"type":"finish","finishReason":"stop"}');
    const row = await executionOf(db, owned.claimed.id);
    expect(row).toMatchObject({ status: 'completed', workerId: null, lastSeq: lines.length });
    const message = await messageOf(owned);
    expect(message).toMatchObject({ status: 'complete', position: 3, role: 'assistant' });
    const call = ((message?.parts ?? []) as Parameters<typeof isToolUIPart>[0][]).find(isToolUIPart);
    expect(call?.state).toBe('output-error');
  });

  test('by failing keeps the partial answer and says why', async () => {
    const owned = await createOwned(db);
    await answer(owned);
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, FAILED);
    const lines = await storedLines(db, owned.claimed.no);
    expect(lines.at(-1)).toBe('{"type":"error","errorText":"The model is gone"}');
    expect(await executionOf(db, owned.claimed.id)).toMatchObject({
      status: 'failed',
      errorCode: 'model-error',
    });
    expect(await messageOf(owned)).toMatchObject({ status: 'partial' });
  });

  test.each(['before', 'after', 'open'] as const)(
    'happens once when its COMMIT is not heard of (%s)',
    async (fault) => {
      const faulty = openFaultyDatabase(database.url);
      const recorded = recordDispatch();
      const threadId = `unheard-${fault}`;
      const first = await createIn(db, threadId, recorded);
      const second = await createIn(db, threadId, recorded);
      const claimed = await claim(db, await insertWorker(db), first);
      const owned = own(faulty, claimed);
      await answer(owned);
      await owned.log.drained();
      faulty.plan([fault]);
      await finishExecution({ db: faulty, dispatch: recorded.dispatch }, owned, COMPLETED);
      expect(recorded.launched).toEqual([`${first}:1`, `${second}:1`]);
      expect(
        (await storedLines(db, claimed.no)).filter((line) => line.startsWith('{"type":"finish",')),
      ).toHaveLength(1);
      expect(await executionOf(db, second)).toMatchObject({ status: 'queued', segment: 1 });
      await faulty.releaseLate();
      await faulty.close();
    },
  );

  test('is refused to one who was taken over, and writes nothing', async () => {
    const owned = await createOwned(db);
    const { id, no, tenantId, attempt } = owned.claimed;
    await answer(owned);
    await owned.log.drained();
    const before = await storedLines(db, no);
    await takeOver(db, { executionId: id, executionNo: no, tenantId, attempt });
    const finishing = finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, COMPLETED);
    await expect(finishing).rejects.toThrow(OwnershipLost);
    expect(await storedLines(db, no)).toEqual(before);
    expect(await messageOf(owned)).toBeUndefined();
  });

  test('plainly, when nothing else works, gives the log its final row and the execution its end', async () => {
    const owned = await createOwned(db);
    await answer(owned);
    await owned.log.drained();
    await failPlainly({ db }, owned, new AbortController().signal);
    const lines = await storedLines(db, owned.claimed.no);
    expect(lines.at(-1)).toContain('"type":"error"');
    expect(await executionOf(db, owned.claimed.id)).toMatchObject({
      status: 'failed',
      errorCode: 'internal',
      lastSeq: lines.length,
    });
  });
});

describe('a retry', () => {
  test('answers the same message again, without the failed answer', async () => {
    const owned = await createOwned(db);
    await answer(owned);
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, FAILED);
    const recorded = recordDispatch();
    const retried = await transaction(db, (tx) =>
      retryExecution(tx, recorded.dispatch, OPEN_SCOPE, owned.claimed.id),
    );
    const row = await executionOf(db, retried.executionId);
    const failed = await executionOf(db, owned.claimed.id);
    expect(row).toMatchObject({
      retryOf: failed.id,
      ordinal: 2,
      inputMessageId: failed.inputMessageId,
      segment: 1,
    });
    expect(await messageOf(owned)).toBeUndefined();
    expect(await storedLines(db, owned.claimed.no)).not.toEqual([]);
    expect(recorded.dispatched).toEqual([`${row.id}:1`]);
  });

  test('has one winner among many at once', async () => {
    const owned = await createOwned(db);
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, FAILED);
    const retries = await Promise.allSettled(
      Array.from({ length: 6 }, () =>
        transaction(db, (tx) => retryExecution(tx, recordDispatch().dispatch, OPEN_SCOPE, owned.claimed.id)),
      ),
    );
    expect(retries.filter((retry) => retry.status === 'fulfilled')).toHaveLength(1);
    for (const retry of retries) if (retry.status === 'rejected') expect(retry.reason.code).toBe('not-last');
  });

  test('is refused for what has not failed, and for strangers', async () => {
    const owned = await createOwned(db);
    const retry = (scope = OPEN_SCOPE) =>
      transaction(db, (tx) => retryExecution(tx, recordDispatch().dispatch, scope, owned.claimed.id));
    await expect(retry()).rejects.toMatchObject({ code: 'not-retryable' });
    await expect(retry({ ...OPEN_SCOPE, ownerId: 'stranger' })).rejects.toMatchObject({ code: 'not-found' });
  });
});
