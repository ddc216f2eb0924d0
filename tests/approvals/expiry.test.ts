import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { ApprovalExpirer } from '../../src/approvals/approval-expirer.ts';
import { findOverdue } from '../../src/approvals/expire-approvals.ts';
import { listAudit } from '../../src/audit/list-audit.ts';
import { type Database, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { ThreadNews } from '../../src/threads/thread-news.ts';
import {
  approvalOf,
  askFor,
  callAll,
  callsOf,
  decideAs,
  historyOf,
  suspend,
  takeNext,
} from '../support/approvals.ts';
import { executionOf, type RecordedDispatch, recordDispatch } from '../support/executions.ts';
import { foldEachRow } from '../support/fold-each-row.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { agentThatActs, pay } from './agent.ts';

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

function makeExpirer({ dispatch }: RecordedDispatch = recordDispatch()): ApprovalExpirer {
  const decisions = {
    dispatch,
    discard: async () => undefined,
    publish: () => undefined,
    threadNews: new ThreadNews(),
  };
  return new ApprovalExpirer({ db, decisions, logger: silentLog, intervalMs: 10 });
}

const HOUR = 3_600_000;

async function waiting(options: Parameters<typeof agentThatActs>[0] = { approvalTimeoutMs: HOUR }) {
  const { agent, effects } = agentThatActs(options);
  const owned = await askFor(db, agent, [pay('c1')]);
  await callAll(db, owned, agent, ['c1']);
  await suspend(owned);
  return { agent, effects, owned };
}

/** Time is data: the due time lies in the past. */
async function timePasses(owned: OwnedExecution): Promise<void> {
  await db.orm.execute(sql`
    UPDATE outlast.approvals SET expires_at = clock_timestamp() - interval '1 s'
    WHERE execution_id = ${owned.claimed.id}`);
}

describe('an approval that nobody decided in time', () => {
  test('is a denial with that reason, and the execution goes on', async () => {
    const { agent, effects, owned } = await waiting();
    const recorded = recordDispatch();
    expect(await makeExpirer(recorded).expire()).toBe(0);
    await timePasses(owned);
    expect(await makeExpirer(recorded).expire()).toBe(1);
    const approval = await approvalOf(db, owned);
    expect(approval).toMatchObject({ status: 'expired', decidedBy: 'policy' });
    expect(approval.reason).toContain('expired');
    expect(await historyOf(db, approval.id)).toMatchObject([
      { kind: 'requested' },
      { kind: 'expired', by: 'policy' },
    ]);
    const audited = await listAudit(db.orm, OPEN_SCOPE, { subjectId: approval.id }, { limit: 50 });
    expect(audited.data).toMatchObject([
      {
        action: 'approval.expired',
        actorKind: 'system',
        actor: 'policy',
        executionId: owned.claimed.id,
        details: { decision: 'expired', isEdited: false },
      },
    ]);
    expect(recorded.launched).toEqual([`${owned.claimed.id}:2`]);
    expect(await callsOf(db, owned)).toMatchObject([{ status: 'denied', errorCode: 'approval-expired' }]);
    const next = await takeNext(db, owned);
    expect(await callAll(db, next, agent, ['c1'])).toEqual(['settled']);
    expect(effects).toEqual([]);
    expect((await foldEachRow(db, owned.claimed.no)).parts.at(-1)).toMatchObject({ state: 'output-denied' });
  });

  test('is approved by policy if its tool says so, and only then', async () => {
    const { agent, effects, owned } = await waiting({ approvalTimeoutMs: HOUR, onExpire: 'approve' });
    await timePasses(owned);
    expect(await makeExpirer().expire()).toBe(1);
    expect(await approvalOf(db, owned)).toMatchObject({ status: 'approved', decidedBy: 'policy' });
    await callAll(db, await takeNext(db, owned), agent, ['c1']);
    expect(effects).toHaveLength(1);
  });

  test('can no longer be decided by a person, even before a worker has looked at it', async () => {
    const { owned } = await waiting();
    await timePasses(owned);
    const { id: approvalId } = await approvalOf(db, owned);
    const late = () => decideAs(db, { approvalId }, { decision: 'approve' });
    await expect(late()).rejects.toMatchObject({ code: 'approval-expired' });
    await makeExpirer().expire();
    await expect(late()).rejects.toMatchObject({ code: 'approval-expired' });
  });

  test('expires once, however many workers look', async () => {
    const waits = await Promise.all(Array.from({ length: 10 }, () => waiting()));
    for (const { owned } of waits) await timePasses(owned);
    const recorded = recordDispatch();
    const expirers = Array.from({ length: 4 }, () => makeExpirer(recorded));
    for (const expirer of expirers) expirer.start();
    await waitFor(() => recorded.launched.length >= 10, {
      describe: () => `${recorded.launched.length} of 10`,
    });
    await Promise.all(expirers.map((expirer) => expirer.stop()));
    expect(new Set(recorded.launched).size).toBe(10);
    expect(recorded.launched).toHaveLength(10);
    for (const { owned } of waits) {
      expect(await executionOf(db, owned.claimed.id)).toMatchObject({ status: 'queued', segment: 2 });
    }
  });

  test('does not wait behind an execution that somebody else holds', async () => {
    const [held, free] = [await waiting(), await waiting()];
    for (const { owned } of [held, free]) await timePasses(owned);
    await transaction(db, async (tx) => {
      await tx.execute(sql`
        SELECT 1 FROM outlast.workflow_executions WHERE id = ${held.owned.claimed.id} FOR NO KEY UPDATE`);
      expect(await makeExpirer().expire()).toBe(1);
    });
    expect(await approvalOf(db, free.owned)).toMatchObject({ status: 'expired' });
    expect(await makeExpirer().expire()).toBe(1);
  });

  test('is looked for from the longest overdue to the first that is not, and no further', async () => {
    const query = jest.spyOn(db.pool, 'query');
    await findOverdue(db, 10);
    const [asked, values] = query.mock.calls[0] as unknown as [{ text: string }, unknown[]];
    query.mockRestore();
    const client = await db.pool.connect();
    try {
      await client.query('BEGIN');
      // Whatever the size of the table: it is asked whether the index can be entered by the time.
      await client.query('SET LOCAL enable_seqscan = off');
      const { rows } = await client.query(`EXPLAIN ${asked.text}`, values);
      expect(JSON.stringify(rows)).toContain('Index Cond: (expires_at <= ');
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });
});
