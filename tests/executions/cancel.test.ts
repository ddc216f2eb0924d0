import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Chunk } from '../../src/chunks/chunk.ts';
import type { LogRow } from '../../src/chunks/row.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { executionAttempts, messages } from '../../src/db/schema.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { claimExecution } from '../../src/executions/claim-execution.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import { handOver } from '../../src/executions/hand-over.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import { suspendExecution } from '../../src/executions/suspend-execution.ts';
import { readTimeline } from '../../src/executions/timeline.ts';
import { agentThatActs, look, pay, question } from '../approvals/agent.ts';
import {
  approvalOf,
  approvalsOf,
  askFor,
  callsOf,
  chunksOf,
  decideAs,
  historyOf,
  suspend,
} from '../support/approvals.ts';
import { cancel } from '../support/cancel.ts';
import { expectSound, readRecord } from '../support/execution-record.ts';
import {
  claim,
  createIn,
  createOwned,
  executionOf,
  insertWorker,
  own,
  recordDispatch,
} from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { SeededRandom } from '../support/seeded-random.ts';

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

/** What is stored of it, sound by every rule for final executions. */
async function soundRecord(id: string) {
  const record = await readRecord(database.url, id);
  if (record === undefined) throw new Error('It is gone');
  await expectSound(record);
  return record;
}

/** An execution that has begun to speak. */
async function createSpeaking() {
  const owned = await createOwned(db);
  const { messageId, id } = owned.claimed;
  await owned.log.append(0, { type: 'start', messageId, messageMetadata: { executionId: id } });
  await owned.log.append(1, { type: 'start-step' });
  owned.loggedTurn = 1;
  await owned.log.append(1, { type: 'text-start', id: 't' });
  await owned.log.append(1, { type: 'text-delta', id: 't', delta: 'Once upon' });
  await owned.log.drained();
  return owned;
}

async function startLog(owned: Awaited<ReturnType<typeof createOwned>>): Promise<void> {
  const { id } = owned.claimed;
  await db.orm.execute(sql`UPDATE outlast.stream_chunks SET chunks = replace(chunks, '"messageId":"' || ${owned.claimed.messageId}::text || '"}',
    '"messageId":"' || ${owned.claimed.messageId}::text || '","messageMetadata":{"executionId":"' || ${id}::text || '"}}')
    WHERE execution_no = ${owned.claimed.no} AND seq = 1`);
}

describe('a cancel of', () => {
  test('one that speaks keeps what was said, and ends the log with `abort`', async () => {
    const owned = await createSpeaking();
    const { id, attempt } = owned.claimed;
    const published: (readonly LogRow[])[] = [];
    const abandoned: string[] = [];
    await cancel(
      db,
      id,
      { reason: 'enough' },
      {
        publish: (_, rows) => published.push(rows),
        abandon: (segment, reason) =>
          abandoned.push(`${segment.executionId}:${segment.segment} ${reason.message}`),
      },
    );
    const record = await soundRecord(id);
    expect(record).toMatchObject({ status: 'cancelled', attempt: attempt + 1 });
    expect(record.message).toMatchObject({
      status: 'partial',
      parts: [{ type: 'step-start' }, { type: 'text', text: 'Once upon', state: 'done' }],
    });
    expect(record.log.at(-1)?.chunk).toEqual({ type: 'abort', reason: 'enough' });
    expect(record.attempts).toMatchObject([{ endReason: 'cancelled' }]);
    expect(published.flat().flatMap(({ chunks }) => chunks.split('\n'))).toEqual(
      record.log.slice(-4).map(({ bytes }) => bytes),
    );
    expect(abandoned).toEqual([`${id}:1 The execution was cancelled: enough`]);
  });

  test('one that speaks takes the log from its owner at once', async () => {
    const owned = await createSpeaking();
    await cancel(db, owned.claimed.id);
    await owned.log.append(1, { type: 'text-delta', id: 't', delta: ' a time' });
    await expect(owned.log.drained()).rejects.toThrow(OwnershipLost);
    expect(owned.signal.aborted).toBe(true);
    await soundRecord(owned.claimed.id);
  });

  test('one without its message, if that is wished, stores none', async () => {
    const owned = await createSpeaking();
    await cancel(db, owned.claimed.id, { mode: 'discard' });
    expect(await db.orm.select().from(messages).where(eq(messages.id, owned.claimed.messageId))).toEqual([]);
    expect((await chunksOf(db, owned)).at(-1)).toEqual({ type: 'abort' });
    expect(await executionOf(db, owned.claimed.id)).toMatchObject({
      status: 'cancelled',
      cancelMode: 'discard',
    });
  });

  test('one that nobody has begun gives it a log and an empty message', async () => {
    const id = await createIn(db);
    const discarded: unknown[] = [];
    await cancel(
      db,
      id,
      {},
      {
        discard: async (_, segments) => {
          discarded.push(...segments);
        },
      },
    );
    const record = await soundRecord(id);
    expect(record.log.map(({ chunk }) => chunk.type)).toEqual(['start', 'message-metadata', 'abort']);
    expect(record.message).toEqual({ status: 'partial', parts: [] });
    expect(discarded).toEqual([{ executionId: id, segment: 1 }]);
    expect(await claimExecution(db, await insertWorker(db), id, 1)).toBeUndefined();
  });

  test('one that waits for its thread leaves the one before it alone', async () => {
    const threadId = uuidv7();
    const first = await createIn(db, threadId);
    const [second, third] = [await createIn(db, threadId), await createIn(db, threadId)];
    const recorded = recordDispatch();
    await cancel(db, second, {}, recorded);
    expect(recorded.dispatched).toEqual([]);
    expect(await executionOf(db, second)).toMatchObject({ status: 'cancelled', segment: 0 });
    expect(await executionOf(db, third)).toMatchObject({ status: 'queued', segment: 0 });
    await cancel(db, first, {}, recorded);
    expect(recorded.launched).toEqual([`${third}:1`]);
    expect(await executionOf(db, third)).toMatchObject({ status: 'queued', segment: 1 });
  });

  test('one that waits for people settles every call, and asks nobody any more', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1'), pay('c2'), question('c3'), look('c4')]);
    await startLog(owned);
    const { id } = owned.claimed;
    await decideAs(db, { executionId: id, toolCallId: 'c1' }, { decision: 'approve' }, { agent });
    await db.orm.execute(
      sql`UPDATE outlast.tool_calls SET status = 'running', attempt = 1 WHERE tool_call_id = 'c4' AND execution_id = ${id}`,
    );
    await suspend(owned);
    await cancel(db, id, { by: { ...OPEN_SCOPE, ownerId: 'ann' } });
    const record = await soundRecord(id);
    expect(record.calls.map(({ toolCallId, status, errorCode }) => [toolCallId, status, errorCode])).toEqual([
      ['c1', 'failed', 'cancelled'],
      ['c2', 'failed', 'cancelled'],
      ['c3', 'failed', 'cancelled'],
      ['c4', 'unknown', 'cancelled'],
    ]);
    const states = record.message?.parts.flatMap((part) => (part as { state?: string }).state ?? []);
    expect(states).toEqual(['output-error', 'output-denied', 'output-error', 'output-error']);
    expect((await approvalsOf(db, owned)).map(({ toolCallId, status }) => [toolCallId, status])).toEqual([
      ['c1', 'approved'],
      ['c2', 'cancelled'],
      ['c3', 'cancelled'],
    ]);
    expect(await historyOf(db, (await approvalOf(db, owned, 'c2')).id)).toContainEqual({
      kind: 'cancelled',
      by: 'ann',
    });
  });

  test('one that is cancelled already changes nothing', async () => {
    const owned = await createSpeaking();
    await cancel(db, owned.claimed.id, { reason: 'first' });
    const before = await soundRecord(owned.claimed.id);
    await cancel(db, owned.claimed.id, { reason: 'second', mode: 'discard' });
    expect(await soundRecord(owned.claimed.id)).toEqual(before);
  });

  test.each(['completed', 'failed'] as const)('one that has %s is refused', async (status) => {
    const owned = await createSpeaking();
    const outcome =
      status === 'completed' ? { status, finishReason: 'stop' } : { status, code: 'internal', detail: 'x' };
    await finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, outcome);
    await expect(cancel(db, owned.claimed.id)).rejects.toMatchObject({ code: 'execution-finished' });
    expect((await soundRecord(owned.claimed.id)).status).toBe(status);
  });

  test("one that is not the caller's, or that there is not, says the same", async () => {
    const id = await createIn(db);
    await db.orm.execute(sql`UPDATE outlast.workflow_executions SET owner_id = 'somebody' WHERE id = ${id}`);
    await expect(cancel(db, id)).rejects.toMatchObject({ code: 'not-found' });
    await expect(cancel(db, uuidv7())).rejects.toMatchObject({ code: 'not-found' });
  });

  test('one whose worker is dead keeps why its attempt ended', async () => {
    const owned = await createSpeaking();
    const { id } = owned.claimed;
    await db.orm
      .update(executionAttempts)
      .set({ endedAt: sql`now()`, endReason: 'crashed' })
      .where(eq(executionAttempts.executionId, id));
    await cancel(db, id);
    expect((await soundRecord(id)).attempts).toMatchObject([{ endReason: 'crashed' }]);
  });

  test('any one is in its timeline: who, why and how', async () => {
    const owned = await createSpeaking();
    await cancel(db, owned.claimed.id, { reason: 'enough' });
    const entries = await readTimeline(db, OPEN_SCOPE, owned.claimed.id);
    expect(entries.at(-1)).toMatchObject({
      kind: 'cancel',
      detail: { reason: 'enough', mode: 'interrupt', by: 'local' },
    });
  });
});

describe('a cancel at the same moment as', () => {
  const random = new SeededRandom(7);
  const soon = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, random.next() * ms));

  test('the natural end: one of the two wins, wholly', async () => {
    const winners = new Set<string>();
    for (let i = 0; i < 30; i += 1) {
      const owned = await createSpeaking();
      const [finishing, cancelling] = await Promise.allSettled([
        soon(6).then(() =>
          finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, {
            status: 'completed',
            finishReason: 'stop',
          }),
        ),
        soon(6).then(() => cancel(db, owned.claimed.id)),
      ]);
      const { status } = await soundRecord(owned.claimed.id);
      winners.add(status);
      expect([finishing.status, cancelling.status]).toEqual(
        status === 'completed' ? ['fulfilled', 'rejected'] : ['rejected', 'fulfilled'],
      );
    }
    expect(winners.size).toBe(2);
  });

  test('another cancel: one set of rows, and both succeed', async () => {
    for (let i = 0; i < 10; i += 1) {
      const owned = await createSpeaking();
      await Promise.all(
        [1, 2, 3].map((n) => soon(3).then(() => cancel(db, owned.claimed.id, { reason: `${n}` }))),
      );
      const record = await soundRecord(owned.claimed.id);
      expect(record.attempt).toBe(owned.claimed.attempt + 1);
    }
  });

  test('a decision, a suspension and a takeover: it is cancelled, and nothing is left open', async () => {
    const { agent } = agentThatActs();
    for (let i = 0; i < 30; i += 1) {
      const owned = await askFor(db, agent, [pay('c1')]);
      await startLog(owned);
      const { id, attempt, segment } = owned.claimed;
      const target = { executionId: id, toolCallId: 'c1' };
      const from = { executionId: id, status: 'running' as const, attempt, segment };
      const { dispatch } = recordDispatch();
      await Promise.allSettled([
        soon(8).then(() => decideAs(db, target, { decision: 'approve' }, { agent })),
        soon(8).then(() => suspendExecution(owned)),
        soon(8).then(() =>
          transaction(db, (tx) => handOver(tx, dispatch, async () => undefined, [from], 'crashed')),
        ),
        soon(8).then(async () => claimExecution(db, await insertWorker(db), id, segment + 1)),
        soon(8).then(() => cancel(db, id)),
      ]);
      const record = await soundRecord(id);
      expect(record.status).toBe('cancelled');
      expect(record.calls.map(({ status }) => status)).toEqual(['failed']);
      expect((await approvalsOf(db, owned)).map(({ status }) => status)).not.toContain('pending');
      expect(await callsOf(db, owned)).toMatchObject([{ errorCode: 'cancelled' }]);
    }
  });

  test('appends of the owner: the message is the fold of what is in, and nothing comes after', async () => {
    for (let i = 0; i < 15; i += 1) {
      const owned = await createSpeaking();
      const speaking = (async () => {
        for (let n = 0; ; n += 1) {
          const chunk: Chunk = { type: 'text-delta', id: 't', delta: ` w${n}` };
          await owned.log.append(1, chunk);
          await owned.log.drained();
        }
      })();
      await soon(10);
      await cancel(db, owned.claimed.id);
      await expect(speaking).rejects.toThrow(OwnershipLost);
      await soundRecord(owned.claimed.id);
    }
  });

  test('its claim: whoever claims it afterwards gets nothing', async () => {
    for (let i = 0; i < 15; i += 1) {
      const id = await createIn(db);
      const workerId = await insertWorker(db);
      const [, claimed] = await Promise.all([
        soon(3).then(() => cancel(db, id)),
        soon(3).then(() => claimExecution(db, workerId, id, 1)),
      ]);
      const { status, attempt } = await soundRecord(id);
      expect([status, attempt]).toEqual(['cancelled', claimed === undefined ? 1 : 2]);
    }
  });
});

describe('a message that interrupts', () => {
  test('cancels the active and the waiting ones, and runs at once', async () => {
    const threadId = uuidv7();
    const recorded = recordDispatch();
    const first = await createIn(db, threadId);
    const second = await createIn(db, threadId);
    const owned = own(db, await claim(db, await insertWorker(db), first));
    await owned.log.append(0, {
      type: 'start',
      messageId: owned.claimed.messageId,
      messageMetadata: { executionId: first },
    });
    await owned.log.drained();
    const third = await createIn(db, threadId, recorded, { onBusy: 'interrupt' });
    expect((await soundRecord(first)).status).toBe('cancelled');
    expect((await soundRecord(second)).status).toBe('cancelled');
    expect(await executionOf(db, third)).toMatchObject({ status: 'queued', segment: 1, ordinal: 3 });
    expect(recorded.dispatched).toEqual([`${third}:1`]);
  });

  test('cancels nothing if it is refused itself', async () => {
    const threadId = uuidv7();
    const first = await createIn(db, threadId, recordDispatch(), { message: { id: 'm1', parts: [] } });
    const again = createIn(db, threadId, recordDispatch(), {
      onBusy: 'interrupt',
      message: { id: 'm1', parts: [] },
    });
    await expect(again).rejects.toMatchObject({ code: 'message-id-reused' });
    expect((await executionOf(db, first)).status).toBe('queued');
  });

  test('many at once: one is left', async () => {
    const threadId = uuidv7();
    const ids = await Promise.all(
      [1, 2, 3, 4].map(() => createIn(db, threadId, recordDispatch(), { onBusy: 'interrupt' })),
    );
    const statuses = await Promise.all(ids.map(async (id) => (await executionOf(db, id)).status));
    expect(statuses.toSorted()).toEqual(['cancelled', 'cancelled', 'cancelled', 'queued']);
  });
});
