import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../src/agents/define-agent.ts';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { Database } from '../../src/db/database.ts';
import { finishExecution } from '../../src/executions/finish-execution.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { OwnershipLost } from '../../src/executions/ownership.ts';
import { checkTakeoverBudget } from '../../src/executions/takeover-budget.ts';
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
import { foldEachRow } from '../support/fold-each-row.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { takenOver } from '../support/tool-calls.ts';
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

/** An agent whose first call of a tool is cut off by the death of its process. */
function agentThatDies(isGated: boolean): {
  agent: AgentDefinition;
  calls: { input: unknown; idempotencyKey: string }[];
  dieWith(owned: OwnedExecution): void;
} {
  const calls: { input: unknown; idempotencyKey: string }[] = [];
  let dying: OwnedExecution | undefined;
  const { agent } = agentThatActs({
    needsApproval: isGated,
    execute: (input, { idempotencyKey }) => {
      calls.push({ input, idempotencyKey });
      dying?.lose(new OwnershipLost('killed'));
      dying = undefined;
      return 'paid';
    },
  });
  return {
    agent,
    calls,
    dieWith: (owned) => {
      dying = owned;
    },
  };
}

/** An execution that waits for what a person knows of a call that was cut off. */
async function leftUnknown(isGated = false) {
  const dying = agentThatDies(isGated);
  let owned = await askFor(db, dying.agent, [pay('c1')]);
  if (isGated) {
    await callAll(db, owned, dying.agent, ['c1']);
    await suspend(owned);
    const edit = { decision: 'approve', input: { amount: 2 } } as const;
    await decideAs(db, { approvalId: (await approvalOf(db, owned)).id }, edit, { agent: dying.agent });
    owned = await takeNext(db, owned);
  }
  dying.dieWith(owned);
  await expect(callAll(db, owned, dying.agent, ['c1'])).rejects.toThrow('killed');
  const heir = await takenOver(db, owned);
  expect(await callAll(db, heir, dying.agent, ['c1'])).toEqual(['waits']);
  await suspend(heir);
  return { ...dying, owned: heir };
}

async function decideUnknown(owned: OwnedExecution, request: DecisionRequest): Promise<OwnedExecution> {
  const { dispatch, launched } = recordDispatch();
  await decideAs(db, { executionId: owned.claimed.id, toolCallId: 'c1' }, request, { dispatch });
  expect(launched).toHaveLength(1);
  return takeNext(db, owned);
}

describe('a call of which nobody knows whether it ran', () => {
  test('is asked about by a row of its own, and stays as it is until a person has said something', async () => {
    const { owned, agent, calls } = await leftUnknown();
    expect(await executionOf(db, owned.claimed.id)).toMatchObject({
      status: 'suspended',
      suspendedReason: 'unknown-outcome',
    });
    expect(await callsOf(db, owned)).toMatchObject([{ status: 'running', endedAt: null }]);
    const { id } = await approvalOf(db, owned);
    expect((await chunksOf(db, owned)).at(-1)).toMatchObject({
      type: 'tool-approval-request',
      approvalId: id,
      approvalDescriptor: { kind: 'unknown-outcome' },
    });
    const next = await decideUnknown(owned, { decision: 'deny' });
    expect(await callAll(db, next, agent, ['c1'])).toEqual(['settled']);
    expect(calls).toHaveLength(1);
    expect(await callsOf(db, owned)).toMatchObject([
      { status: 'denied', errorText: expect.stringContaining('not known') },
    ]);
    await foldEachRow(db, owned.claimed.no);
  });

  test('runs again with the same key and the input that was approved, when a person says so', async () => {
    const { owned, agent, calls } = await leftUnknown(true);
    expect(await approvalOf(db, owned)).toMatchObject({ kind: 'unknown-outcome', input: { amount: 2 } });
    const next = await decideUnknown(owned, { decision: 'retry' });
    expect(await callAll(db, next, agent, ['c1'])).toEqual(['settled']);
    expect(calls).toEqual([calls[0], calls[0]]);
    expect(calls[0]).toMatchObject({ input: { amount: 2 }, idempotencyKey: `${owned.claimed.id}:c1` });
    expect(await callsOf(db, owned)).toMatchObject([{ status: 'completed', output: 'paid' }]);
    expect((await foldEachRow(db, owned.claimed.no)).parts.at(-1)).toMatchObject({
      state: 'output-available',
    });
  });

  test('is asked about again when the retry is cut off too: each time needs a person', async () => {
    const { owned, agent, calls, dieWith } = await leftUnknown();
    const next = await decideUnknown(owned, { decision: 'retry' });
    dieWith(next);
    await expect(callAll(db, next, agent, ['c1'])).rejects.toThrow('killed');
    const heir = await takenOver(db, next);
    expect(await callAll(db, heir, agent, ['c1'])).toEqual(['waits']);
    expect(calls).toHaveLength(2);
    const statuses = (await approvalsOf(db, owned)).map(({ status }) => status);
    expect(statuses).toEqual(['retried', 'pending']);
    await foldEachRow(db, owned.claimed.no);
  });

  test('takes the output that a person gives, also null', async () => {
    for (const output of [{ paid: true }, null]) {
      const { owned, agent, calls } = await leftUnknown();
      const next = await decideUnknown(owned, { decision: 'resolve', output });
      expect(await callAll(db, next, agent, ['c1'])).toEqual(['settled']);
      expect(calls).toHaveLength(1);
      expect(await callsOf(db, owned)).toMatchObject([{ status: 'completed', output }]);
      expect((await foldEachRow(db, owned.claimed.no)).parts.at(-1)).toMatchObject({
        state: 'output-available',
        output,
      });
    }
  });

  test('does not count against the takeover budget once a person wants it to go on', async () => {
    const { owned } = await leftUnknown();
    const next = await decideUnknown(owned, { decision: 'retry' });
    expect(await checkTakeoverBudget(db.orm, next.claimed, 1)).toBeUndefined();
  });

  test('stays unknown when the execution ends before anybody said something', async () => {
    const { agent, dieWith } = agentThatDies(false);
    const owned = await askFor(db, agent, [pay('c1')]);
    dieWith(owned);
    await expect(callAll(db, owned, agent, ['c1'])).rejects.toThrow('killed');
    const heir = await takenOver(db, owned);
    await callAll(db, heir, agent, ['c1']);
    await fail(heir);
    expect(await callsOf(db, heir)).toMatchObject([{ status: 'unknown', errorCode: 'outcome-unknown' }]);
    expect(await approvalsOf(db, heir)).toMatchObject([{ status: 'cancelled' }]);
    expect((await foldEachRow(db, heir.claimed.no)).parts.at(-1)).toMatchObject({ state: 'output-denied' });
  });
});

function fail(owned: OwnedExecution): Promise<void> {
  const outcome = { status: 'failed', code: 'internal', detail: 'a fault' } as const;
  return finishExecution({ db, dispatch: recordDispatch().dispatch }, owned, outcome);
}

test('what is pending when an execution fails is cancelled with it, and cannot be decided any more', async () => {
  const { agent } = agentThatActs();
  const owned = await askFor(db, agent, [pay('c1'), look('c2'), question('c3')]);
  await callAll(db, owned, agent, ['c1', 'c2', 'c3']);
  await fail(owned);
  for (const approval of await approvalsOf(db, owned)) {
    expect(approval).toMatchObject({ status: 'cancelled', decidedBy: 'outlast' });
    expect((await historyOf(db, approval.id)).map(({ kind }) => kind)).toEqual(['requested', 'cancelled']);
    const late = decideAs(db, { approvalId: approval.id }, { decision: 'deny' });
    await expect(late).rejects.toMatchObject({ code: 'already-decided' });
  }
  const message = await foldEachRow(db, owned.claimed.no);
  const states = message.parts.map((part) => ('state' in part ? part.state : part.type));
  expect(states).toEqual(['step-start', 'output-denied', 'output-available', 'output-error']);
});
