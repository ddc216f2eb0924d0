import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { inputHash } from '../../src/approvals/input-hash.ts';
import type { Database } from '../../src/db/database.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { readAnswer } from '../../src/turns/answer.ts';
import {
  approvalOf,
  approvalsOf,
  askFor,
  callAll,
  callsOf,
  chunksOf,
  decideAs,
  historyOf,
  suspend,
  takeNext,
} from '../support/approvals.ts';
import { executionOf, recordDispatch } from '../support/executions.ts';
import { openFaultyDatabase } from '../support/faulty-database.ts';
import { foldEachRow } from '../support/fold-each-row.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { agentThatActs, look, pay, question } from './agent.ts';

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

async function typesOf(owned: OwnedExecution): Promise<string[]> {
  return (await chunksOf(db, owned)).map(({ type }) => type);
}

/** What the model is told of the calls. */
async function resultsOf(owned: OwnedExecution): Promise<unknown[]> {
  const { messages: answer } = await readAnswer(db.orm, owned.claimed.id);
  return answer.flatMap((message) =>
    message.role === 'tool' ? message.content.map((part) => ('output' in part ? part.output : part)) : [],
  );
}

describe('the end of a turn with calls that need a person', () => {
  test('asks in the same transaction, before finish-step, with what is needed to decide', async () => {
    const { agent } = agentThatActs({ approvers: ['ann'], approvalTimeoutMs: 60_000 });
    const owned = await askFor(db, agent, [pay('c1'), look('c2'), question('c3')]);
    const [first, second] = await approvalsOf(db, owned);
    expect(first).toMatchObject({
      kind: 'approval',
      status: 'pending',
      toolCallId: 'c1',
      turn: 1,
      input: { amount: 5 },
      inputHash: inputHash({ amount: 5 }),
      context: { lastUserMessage: 'hello', textSoFar: 'I would do this' },
      risk: 'high',
      approvers: ['ann'],
    });
    expect((first?.expiresAt?.getTime() ?? 0) - (first?.createdAt.getTime() ?? 0)).toBe(60_000);
    expect(second).toMatchObject({ kind: 'question', toolCallId: 'c3', expiresAt: null, approvers: null });
    expect(await historyOf(db, first?.id ?? '')).toEqual([{ kind: 'requested', by: 'assistant' }]);
    expect((await chunksOf(db, owned)).slice(-2)).toEqual([
      {
        type: 'tool-approval-request',
        approvalId: first?.id,
        toolCallId: 'c1',
        approvalDescriptor: { kind: 'approval', risk: 'high' },
      },
      { type: 'finish-step' },
    ]);
  });

  test('asks nobody about input that does not fit, and asks when the rule fails', async () => {
    const { agent } = agentThatActs({ needsApproval: () => Promise.reject(new Error('broken rule')) });
    const owned = await askFor(db, agent, [pay('c1', -1), pay('c2')]);
    expect((await approvalsOf(db, owned)).map(({ toolCallId }) => toolCallId)).toEqual(['c2']);
    expect(await callAll(db, owned, agent, ['c1', 'c2'])).toEqual(['settled', 'waits']);
    expect(await callsOf(db, owned)).toMatchObject([{ errorCode: 'invalid-input' }, { status: 'pending' }]);
  });

  test('is not got round by a call that nobody was asked about: it is asked about before it runs', async () => {
    const { agent: free } = agentThatActs({ needsApproval: false });
    const { agent, effects } = agentThatActs();
    const owned = await askFor(db, free, [pay('c1')]);
    expect(await callAll(db, owned, agent, ['c1'])).toEqual(['waits']);
    expect(effects).toEqual([]);
    expect(await approvalsOf(db, owned)).toMatchObject([{ kind: 'approval', status: 'pending' }]);
    expect(await callAll(db, owned, agent, ['c1'])).toEqual(['waits']);
    expect(await approvalsOf(db, owned)).toHaveLength(1);
  });
});

describe('an execution that waits', () => {
  test('has no worker, keeps its reason and goes on when all is decided, with all results', async () => {
    const { agent, effects } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1'), look('c2'), pay('c3', 7), question('c4')]);
    const ids = ['c1', 'c2', 'c3', 'c4'];
    expect(await callAll(db, owned, agent, ids)).toEqual(['waits', 'settled', 'waits', 'waits']);
    expect(effects.map(({ tool }) => tool)).toEqual(['look']);
    expect(await suspend(owned)).toBe(true);
    const { id: executionId } = owned.claimed;
    expect(await executionOf(db, executionId)).toMatchObject({
      status: 'suspended',
      suspendedReason: 'approval',
      workerId: null,
    });
    const { dispatch, launched } = recordDispatch();
    const denial = { decision: 'deny', reason: 'too much' } as const;
    await decideAs(db, { executionId, toolCallId: 'c3' }, denial, { dispatch });
    await decideAs(db, { executionId, toolCallId: 'c1' }, { decision: 'approve' }, { dispatch });
    expect(launched).toEqual([]);
    expect(await executionOf(db, executionId)).toMatchObject({
      status: 'suspended',
      suspendedReason: 'question',
    });
    await decideAs(
      db,
      { executionId, toolCallId: 'c4' },
      { decision: 'answer', answer: 'the red one' },
      { dispatch },
    );
    expect(launched).toEqual([`${executionId}:2`]);
    const next = await takeNext(db, owned);
    expect(await callAll(db, next, agent, ids)).toEqual(['settled', 'settled', 'settled', 'settled']);
    expect(effects.map(({ tool }) => tool)).toEqual(['look', 'pay']);
    expect(await resultsOf(owned)).toEqual([
      { type: 'json', value: { did: 'pay', input: { amount: 5, note: 'none' } } },
      { type: 'json', value: { did: 'look', input: { amount: 1, note: 'none' } } },
      { type: 'execution-denied', reason: 'too much' },
      { type: 'text', value: 'the red one' },
    ]);
    const message = await foldEachRow(db, owned.claimed.no);
    expect(message.parts.map((part) => ('state' in part ? part.state : part.type))).toEqual([
      'step-start',
      'output-available',
      'output-available',
      'output-denied',
      'output-available',
    ]);
  });

  test('is not suspended when the decision came before', async () => {
    const { agent, effects } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    expect(await callAll(db, owned, agent, ['c1'])).toEqual(['waits']);
    const { dispatch, dispatched } = recordDispatch();
    await decideAs(
      db,
      { approvalId: (await approvalOf(db, owned)).id },
      { decision: 'approve' },
      { dispatch },
    );
    expect(await suspend(owned)).toBe(false);
    expect(dispatched).toEqual([]);
    expect(await callAll(db, owned, agent, ['c1'])).toEqual(['settled']);
    expect(effects).toHaveLength(1);
    await foldEachRow(db, owned.claimed.no);
  });

  test.each(['before', 'after', 'open'] as const)(
    'is suspended once, and a decision made once, when a commit is not heard (%s)',
    async (fault) => {
      const faulty = openFaultyDatabase(database.url);
      const { agent } = agentThatActs();
      const owned = await askFor(db, agent, [pay('c1')]);
      await callAll(db, owned, agent, ['c1']);
      await suspend(owned);
      const { dispatch } = recordDispatch();
      faulty.plan([fault]);
      const { id } = await approvalOf(db, owned);
      const decided = await decideAs(faulty, { approvalId: id }, { decision: 'approve' }, { dispatch });
      expect(decided.status).toBe('approved');
      expect((await historyOf(db, id)).map(({ kind }) => kind)).toEqual(['requested', 'approved']);
      expect(await executionOf(db, owned.claimed.id)).toMatchObject({ status: 'queued', segment: 2 });
      const answers = (await typesOf(owned)).filter((type) => type === 'tool-approval-response');
      expect(answers).toHaveLength(1);
      await faulty.releaseLate();
      await faulty.close();
    },
  );
});

describe('what was approved is what runs (T3)', () => {
  test('and not the input that the ledger gets afterwards by whatever fault', async () => {
    const { agent, effects } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    await decideAs(
      db,
      { approvalId: (await approvalOf(db, owned)).id },
      { decision: 'approve', input: { amount: 2 } },
    );
    await db.orm.execute(sql`UPDATE outlast.tool_calls SET input = '{"amount":99}'
      WHERE execution_id = ${owned.claimed.id}`);
    await callAll(db, owned, agent, ['c1']);
    expect(effects).toMatchObject([{ input: { amount: 2, note: 'none' } }]);
  });

  test('edited input is stored as given, logged before the response in one row, and told to the model', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    const { id } = await approvalOf(db, owned);
    await callAll(db, owned, agent, ['c1']);
    await suspend(owned);
    const input = { amount: 3 };
    await decideAs(db, { approvalId: id }, { decision: 'approve', input }, { agent });
    expect(await approvalOf(db, owned)).toMatchObject({ input: { amount: 5 }, editedInput: input });
    const next = await takeNext(db, owned);
    await callAll(db, next, agent, ['c1']);
    expect((await chunksOf(db, owned)).slice(-3)).toMatchObject([
      {
        type: 'tool-input-available',
        toolCallId: 'c1',
        toolName: 'pay',
        input,
        toolMetadata: { editedBy: 'local' },
      },
      { type: 'tool-approval-response', approvalId: id, approved: true },
      { type: 'tool-output-available' },
    ]);
    const message = await foldEachRow(db, owned.claimed.no);
    expect(message.parts.at(-1)).toMatchObject({ input, state: 'output-available' });
    const [result] = await resultsOf(owned);
    expect(result).toEqual({
      type: 'content',
      value: [
        { type: 'text', text: JSON.stringify({ did: 'pay', input: { amount: 3, note: 'none' } }) },
        { type: 'text', text: expect.stringContaining('{"amount":3}') },
      ],
    });
  });

  test.each([
    ['the schema of the agent', true],
    ['the stored JSON Schema, where the agent is not loaded', false],
  ])('edited input that does not fit is refused by %s', async (_, isLoaded) => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    const approvalId = (await approvalOf(db, owned)).id;
    const edit = decideAs(
      db,
      { approvalId },
      { decision: 'approve', input: { amount: -3 } },
      isLoaded ? { agent } : {},
    );
    await expect(edit).rejects.toMatchObject({ code: 'validation-failed' });
    const faults = await edit.catch(
      (error: { toBody(at: string): { errors: unknown } }) => error.toBody('/').errors,
    );
    expect(faults).toMatchObject([{ pointer: '/input/amount' }]);
    expect(await approvalOf(db, owned)).toMatchObject({ status: 'pending' });
  });
});

describe('a decision is refused', () => {
  test('when it does not fit the kind, brings what is not its own, or looked at another input', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1'), question('c2')]);
    const { id: executionId } = owned.claimed;
    const refusals = [
      ['c1', { decision: 'answer', answer: 1 }, 'decision-not-applicable'],
      ['c1', { decision: 'retry' }, 'decision-not-applicable'],
      ['c2', { decision: 'approve' }, 'decision-not-applicable'],
      ['c2', { decision: 'answer' }, 'validation-failed'],
      ['c1', { decision: 'deny', input: { amount: 1 } }, 'validation-failed'],
      ['c1', { decision: 'approve', inputHash: inputHash({ amount: 6 }) }, 'input-changed'],
      ['c3', { decision: 'approve' }, 'not-found'],
    ] as const;
    for (const [toolCallId, request, code] of refusals) {
      await expect(decideAs(db, { executionId, toolCallId }, request)).rejects.toMatchObject({ code });
    }
    expect((await approvalsOf(db, owned)).map(({ status }) => status)).toEqual(['pending', 'pending']);
    const approve = { decision: 'approve', inputHash: inputHash({ amount: 5 }) } as const;
    await expect(decideAs(db, { executionId, toolCallId: 'c1' }, approve)).resolves.toMatchObject({
      status: 'approved',
    });
  });

  test('of a stranger as if there were nothing (S1), and of an owner whom the tool does not name', async () => {
    const { agent } = agentThatActs({ approvers: ['ann'] });
    const owned = await askFor(db, agent, [pay('c1'), question('c2')]);
    const { id: executionId, tenantId } = owned.claimed;
    const pay1 = { executionId, toolCallId: 'c1' };
    const approve = { decision: 'approve' } as const;
    const as = (ownerId: string, tenant = tenantId) => ({ scope: { tenantId: tenant, ownerId } });
    await expect(decideAs(db, pay1, approve, as('bob'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(decideAs(db, pay1, approve, as('ann', 'other'))).rejects.toMatchObject({
      code: 'not-found',
    });
    await expect(decideAs(db, pay1, approve)).rejects.toMatchObject({ code: 'may-not-decide' });
    const asked = { executionId, toolCallId: 'c2' };
    await expect(decideAs(db, asked, { decision: 'deny' }, as('ann'))).rejects.toMatchObject({
      code: 'not-found',
    });
    await expect(decideAs(db, pay1, approve, as('ann'))).resolves.toMatchObject({ decidedBy: 'ann' });
  });

  test('when it is the second, with the first', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    const target = { approvalId: (await approvalOf(db, owned)).id };
    await decideAs(db, target, { decision: 'deny', reason: 'no\u0000pe' });
    const second = decideAs(db, target, { decision: 'approve' });
    await expect(second).rejects.toMatchObject({ code: 'already-decided' });
    const body = await second.catch((error: { toBody(at: string): unknown }) => error.toBody('/'));
    expect(body).toMatchObject({ approval: { status: 'denied', reason: 'no\ufffdpe', decidedBy: 'local' } });
    expect(await callsOf(db, owned)).toMatchObject([{ status: 'denied', errorCode: 'denied' }]);
  });
});

describe('decisions at the same moment', () => {
  test('50 on one approval: one wins, 49 are told of it', async () => {
    const { agent } = agentThatActs();
    const owned = await askFor(db, agent, [pay('c1')]);
    await callAll(db, owned, agent, ['c1']);
    await suspend(owned);
    const target = { approvalId: (await approvalOf(db, owned)).id };
    const { dispatch, launched } = recordDispatch();
    const decisions = Array.from({ length: 50 }, (_, i) =>
      decideAs(db, target, { decision: i % 2 === 0 ? 'approve' : 'deny', reason: `${i}` }, { dispatch }),
    );
    const results = await Promise.allSettled(decisions);
    const winners = results.filter((result) => result.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const { reason } = (winners[0] as PromiseFulfilledResult<{ reason: string | null }>).value;
    const losers = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error] : [],
    );
    for (const loser of losers) {
      expect(loser).toMatchObject({ code: 'already-decided' });
      expect((loser as unknown as { toBody(at: string): unknown }).toBody('/')).toMatchObject({
        approval: { reason },
      });
    }
    expect(losers).toHaveLength(49);
    expect(launched).toHaveLength(1);
    expect(await historyOf(db, target.approvalId)).toHaveLength(2);
  }, 30_000);

  test('100 times two of one turn: the execution always goes on, and once', async () => {
    const { agent } = agentThatActs();
    for (let round = 0; round < 100; round++) {
      const owned = await askFor(db, agent, [pay('c1'), pay('c2')]);
      const { id: executionId } = owned.claimed;
      await callAll(db, owned, agent, ['c1', 'c2']);
      await suspend(owned);
      const { dispatch, launched } = recordDispatch();
      await Promise.all([
        decideAs(db, { executionId, toolCallId: 'c1' }, { decision: 'approve' }, { dispatch }),
        decideAs(db, { executionId, toolCallId: 'c2' }, { decision: 'deny' }, { dispatch }),
      ]);
      expect(launched).toEqual([`${executionId}:2`]);
      expect(await executionOf(db, executionId)).toMatchObject({ status: 'queued', segment: 2 });
    }
  }, 120_000);

  test('100 times a decision while it is being suspended: it goes on, by the one or the other', async () => {
    const { agent } = agentThatActs();
    for (let round = 0; round < 100; round++) {
      const owned = await askFor(db, agent, [pay('c1')]);
      const { id: executionId } = owned.claimed;
      await callAll(db, owned, agent, ['c1']);
      const { dispatch, launched } = recordDispatch();
      const [isSuspended] = await Promise.all([
        suspend(owned),
        decideAs(db, { executionId, toolCallId: 'c1' }, { decision: 'approve' }, { dispatch }),
      ]);
      expect(launched).toHaveLength(isSuspended ? 1 : 0);
      const { status } = await executionOf(db, executionId);
      expect(status).toBe(isSuspended ? 'queued' : 'running');
      await foldEachRow(db, owned.claimed.no);
    }
  }, 120_000);
});
