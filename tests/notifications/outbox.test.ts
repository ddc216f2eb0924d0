import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { ApprovalExpirer } from '../../src/approvals/approval-expirer.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { failPlainly } from '../../src/executions/fail-plainly.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import { getExecution } from '../../src/executions/get-execution.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { recordNotification as notify } from '../../src/notifications/record-notification.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import { callTool } from '../../src/tools/call-tool.ts';
import { agentThatActs, look, pay, question } from '../approvals/agent.ts';
import { approvalOf, askFor, callAll, decideAs, HELD, suspend, takeNext } from '../support/approvals.ts';
import { createOwned, recordDispatch } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { notificationsOf } from './world.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url, 10);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

/** What was told of an execution, as the receiver will read it. */
async function toldOf(owned: OwnedExecution) {
  return (await notificationsOf(db, owned.claimed.id)).map(({ body, ...row }) => ({
    ...row,
    body: JSON.parse(body) as { id: string; type: string; timestamp: string; data: Record<string, unknown> },
  }));
}

const typesOf = async (owned: OwnedExecution) => (await toldOf(owned)).map(({ type }) => type);

const COMPLETED = { status: 'completed', finishReason: 'stop' } as const;
const finish = (owned: OwnedExecution, outcome: Parameters<typeof finishExecution>[2] = COMPLETED) =>
  finishExecution({ db, dispatch: recordDispatch().dispatch, notify }, owned, outcome);

describe('a notification', () => {
  test('is written when somebody is asked, with the approval as the API shows it', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1'), look('c2'), question('c3')], notify);
    const told = await toldOf(owned);
    const subjects = told.map(({ type, approvalId, body }) => [type, approvalId, body.data['kind']]);
    const ids = [(await approvalOf(db, owned, 'c1')).id, (await approvalOf(db, owned, 'c3')).id];
    expect(subjects).toEqual([
      ['approval.requested', ids[0], 'approval'],
      ['approval.requested', ids[1], 'question'],
    ]);
    const [first] = told;
    expect(first).toMatchObject({ status: 'pending', tries: 0, ...OPEN_SCOPE });
    expect(first?.body).toMatchObject({ id: first?.id, type: 'approval.requested' });
    expect(first?.body.data).toMatchObject({ id: ids[0], status: 'pending', input: { amount: 5 } });
    expect(first?.body.timestamp).toBe(first?.body.data['createdAt']);
    expect(first?.nextAttemptAt?.getTime()).toBeLessThanOrEqual(first?.createdAt.getTime() ?? 0);
  });

  test('is written when it is not known whether a call ran', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [look('c1')], notify);
    await db.orm.execute(sql`
      UPDATE outlast.tool_calls SET status = 'running', attempt = 1 WHERE execution_id = ${owned.claimed.id}`);
    const deps = { db, lease: HELD, redact: String, logger: silentLog, notify };
    await callTool(deps, owned, { agent, limits: agent.limits }, 'c1');
    expect((await toldOf(owned)).map(({ body }) => body.data['kind'])).toEqual(['unknown-outcome']);
  });

  test('is written when it is decided, and once, however often it is told', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')], notify);
    await callAll(db, owned, agent, ['c1']);
    await suspend(owned);
    const { id: approvalId } = await approvalOf(db, owned);
    await decideAs(db, { approvalId }, { decision: 'deny', reason: 'too much' }, { agent, notify });
    const event = { type: 'approval.decided', approvalId } as const;
    await transaction(db, (tx) => notify(tx, event));
    const told = await toldOf(owned);
    expect(told.map(({ type }) => type)).toEqual(['approval.requested', 'approval.decided']);
    expect(told[1]?.body.data).toMatchObject({ id: approvalId, status: 'denied', reason: 'too much' });
    expect(told[1]?.body.timestamp).toBe(told[1]?.body.data['decidedAt']);
    // The first still says what was true when it was written.
    expect(told[0]?.body.data).toMatchObject({ status: 'pending', decidedAt: null });
  });

  test('is not written when the decision does not commit', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    const { id: approvalId } = await approvalOf(db, owned);
    const failing: typeof notify = async (tx, event) => {
      await notify(tx, event);
      throw new Error('the process dies here');
    };
    await expect(
      decideAs(db, { approvalId }, { decision: 'approve' }, { agent, notify: failing }),
    ).rejects.toThrow();
    expect(await toldOf(owned)).toEqual([]);
    expect(await approvalOf(db, owned)).toMatchObject({ status: 'pending' });
  });

  test('is written when an approval expires', async () => {
    const { agent } = agentThatActs({ approvalTimeoutMs: 3_600_000 });
    const owned = await askFor(db, agent, [pay('c1')]);
    await suspend(owned);
    await db.orm.execute(sql`
      UPDATE outlast.approvals SET expires_at = clock_timestamp() - interval '1 s'
      WHERE execution_id = ${owned.claimed.id}`);
    const { dispatch } = recordDispatch();
    const decisions = {
      dispatch,
      notify,
      discard: async () => undefined,
      publish: () => undefined,
      threadNews: new ThreadNews(),
    };
    await new ApprovalExpirer({ db, decisions, logger: silentLog }).expire();
    expect((await toldOf(owned)).map(({ type, body }) => [type, body.data['status']])).toEqual([
      ['approval.decided', 'expired'],
    ]);
  });

  test('is written for an execution that ends, as it is then', async () => {
    const owned = await createOwned(db);
    await owned.log.append(0, { type: 'start', messageId: owned.claimed.messageId });
    await finish(owned);
    const [told] = await toldOf(owned);
    expect(told).toMatchObject({ type: 'execution.completed', approvalId: null });
    expect(told?.body.data).toEqual(await getExecution(db.orm, OPEN_SCOPE, owned.claimed.id));
    expect(told?.body.timestamp).toBe(told?.body.data['finishedAt']);
  });

  test('is written for one that fails, also by a fault of ours', async () => {
    const failed = await createOwned(db);
    await failed.log.append(0, { type: 'start', messageId: failed.claimed.messageId });
    await finish(failed, { status: 'failed', code: 'model-error', detail: 'no' });
    expect((await toldOf(failed))[0]?.body.data).toMatchObject({ error: { code: 'model-error' } });
    const plain = await createOwned(db);
    await failPlainly({ db, notify }, plain, new AbortController().signal);
    expect((await toldOf(plain)).map(({ type, body }) => [type, body.data['error']])).toEqual([
      ['execution.failed', { code: 'internal', detail: 'An internal error ended the execution' }],
    ]);
  });

  test('tells of the approvals that end with their execution, and of no decided one again', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1'), pay('c2')], notify);
    await callAll(db, owned, agent, ['c1', 'c2']);
    const { id: approvalId } = await approvalOf(db, owned, 'c1');
    await decideAs(db, { approvalId }, { decision: 'deny' }, { agent, notify });
    await finish(owned, { status: 'failed', code: 'deadline-exceeded', detail: 'late' });
    const told = (await toldOf(owned)).map(({ type, body }) => `${type} ${String(body.data['status'])}`);
    expect(new Set(told)).toEqual(
      new Set([
        'approval.requested pending',
        'approval.decided denied',
        'approval.decided cancelled',
        'execution.failed failed',
      ]),
    );
    expect(told).toHaveLength(5);
  });

  test('holds any content', async () => {
    const { agent } = agentThatActs();
    const input = { amount: 1, note: 'a\u0000b \ud800 "𝄞"' };
    const owned = await askFor(db, agent, [{ toolCallId: 'c1', toolName: 'pay', input }], notify);
    expect((await toldOf(owned))[0]?.body.data['input']).toEqual(input);
  });
});

test('nothing is written where nobody wants to be told', async () => {
  const { agent } = agentThatActs();
  const owned = await askFor(db, agent, [pay('c1')]);
  await callAll(db, owned, agent, ['c1']);
  await suspend(owned);
  const { id: approvalId } = await approvalOf(db, owned);
  await decideAs(db, { approvalId }, { decision: 'deny' }, { agent });
  const next = await takeNext(db, owned);
  await finishExecution({ db, dispatch: recordDispatch().dispatch }, next, COMPLETED);
  expect(await typesOf(owned)).toEqual([]);
});
