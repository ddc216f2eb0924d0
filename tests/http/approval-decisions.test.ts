import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { approvals } from '../../src/db/schema.ts';
import type { OwnedExecution } from '../../src/executions/owned-execution.ts';
import { agentThatActs, pay, question } from '../approvals/agent.ts';
import { approvalOf, approvalsOf, askFor, callAll, historyOf } from '../support/approvals.ts';
import { executionOf } from '../support/executions.ts';
import { insertApproval } from '../support/inbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, ask } from './client.ts';
import { serveAlone, type TestHttp } from './in-process.ts';

let server: TestHttp;

beforeAll(async () => {
  server = await serveAlone();
});
afterAll(() => server.dispose());

/** An execution that asks for these calls, and the ids of what people are asked. */
async function asking(
  ...calls: Parameters<typeof askFor>[2]
): Promise<{ owned: OwnedExecution; ids: string[] }> {
  const owned = await askFor(server.db, agentThatActs().agent, calls);
  return { owned, ids: (await approvalsOf(server.db, owned)).map(({ id }) => id) };
}

async function askingOne(call: Parameters<typeof askFor>[2][number] = pay('c1')): Promise<string> {
  return (await asking(call)).ids[0] as string;
}

const decide = (id: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(server.url, `/approvals/${id}/decision`, { body, headers });

const decideMany = (decisions: unknown[], headers: Record<string, string> = {}): Promise<Answer> =>
  ask(server.url, '/approvals/decisions', { body: { decisions }, headers });

interface Result {
  approvalId: string;
  status: number;
  approval?: Record<string, unknown>;
  problem?: Record<string, unknown>;
}

function resultsOf(answer: Answer): Result[] {
  return answer.json()['results'] as Result[];
}

/** Result by result: the status of the approval, or the code of the problem. */
function outcomes(answer: Answer): unknown[] {
  return resultsOf(answer).map(({ status, approval, problem }) => [
    status,
    approval?.['status'] ?? problem?.['code'],
  ]);
}

async function kindsOf(id: string): Promise<string[]> {
  return (await historyOf(server.db, id)).map(({ kind }) => kind);
}

describe('one decision', () => {
  test('approves with edited input, and the history tells it', async () => {
    const { ids, owned } = await asking(pay('c1'));
    const id = ids[0] as string;
    const hash = (await approvalOf(server.db, owned)).inputHash;
    const body = { decision: 'approve', input: { amount: 2 }, inputHash: hash, reason: 'less' };
    const answer = await decide(id, body);
    expect(answer.json()).toMatchObject({
      id,
      status: 'approved',
      editedInput: { amount: 2 },
      reason: 'less',
    });
    expect((await ask(server.url, `/approvals/${id}`)).json()).toMatchObject({
      status: 'approved',
      history: [
        { kind: 'requested', by: 'assistant' },
        { kind: 'approved', by: 'local', detail: { reason: 'less', editedInput: { amount: 2 } } },
      ],
    });
  });

  test('answers a question, also with null', async () => {
    const id = await askingOne(question('c1'));
    expect((await decide(id, { decision: 'answer' })).json()).toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/answer', message: 'is required' }],
    });
    expect((await decide(id, { decision: 'answer', answer: null })).json()).toMatchObject({
      status: 'answered',
    });
  });

  test.each([
    [{ decision: 'perhaps' }, 'validation-failed', '/decision'],
    [{}, 'validation-failed', '/decision'],
    [{ decision: 'approve', more: 1 }, 'validation-failed', '/more'],
    [{ decision: 'approve', answer: 'yes' }, 'validation-failed', '/answer'],
    [{ decision: 'deny', input: {} }, 'validation-failed', '/input'],
    [{ decision: 'deny', output: null }, 'validation-failed', '/output'],
    [{ decision: 'approve', input: { amount: 'x' } }, 'validation-failed', '/input/amount'],
    [{ decision: 'answer', answer: 1 }, 'decision-not-applicable', undefined],
    [{ decision: 'retry' }, 'decision-not-applicable', undefined],
  ])('%j is refused as %s', async (body, code, pointer) => {
    const id = await askingOne();
    const answer = (await decide(id, body)).json();
    expect(answer).toMatchObject({ status: 422, code });
    if (pointer !== undefined) expect(answer['errors']).toMatchObject([{ pointer }]);
    expect(await kindsOf(id)).toEqual(['requested']);
  });

  test('of another input than was looked at is refused', async () => {
    const id = await askingOne();
    const answer = await decide(id, { decision: 'approve', inputHash: 'sha256:other' });
    expect(answer.json()).toMatchObject({ status: 409, code: 'input-changed' });
  });

  test('is made once for a key; another body has another answer', async () => {
    const id = await askingOne();
    const key = { 'idempotency-key': uuidv7() };
    const first = await decide(id, { decision: 'deny' }, key);
    const second = await decide(id, { decision: 'deny' }, key);
    expect([second.status, second.text, second.headers['idempotency-replayed']]).toEqual([
      200,
      first.text,
      'true',
    ]);
    expect((await decide(id, { decision: 'approve' }, key)).json()).toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect((await decide(id, { decision: 'approve' })).json()).toMatchObject({
      code: 'already-decided',
      approval: { status: 'denied' },
    });
  });
});

describe('several decisions', () => {
  test('are made, whatever stands where one of them has its id', async () => {
    const id = await askingOne();
    const hostile = ['\ud800', 'a\0', '../..', '__proto__'];
    const answer = await decideMany([...hostile, id].map((approvalId) => ({ approvalId, decision: 'deny' })));
    expect(answer.status).toBe(200);
    expect(outcomes(answer)).toEqual([...hostile.map(() => [404, 'not-found']), [200, 'denied']]);
    expect(await kindsOf(id)).toEqual(['requested', 'denied']);
  });

  test('are made each for itself, and answered in their order', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => askingOne()));
    const [first, denied, invalid, gone, twice] = ids as [string, string, string, string, string];
    const asked = await askingOne(question('c1'));
    const theirs = await insertApproval(server.db, { approvers: ['bob'] });
    const foreign = await insertApproval(server.db, { ownerId: 'ann' });
    await decide(gone, { decision: 'deny', reason: 'before' });
    const answer = await decideMany([
      { approvalId: first, decision: 'approve' },
      { approvalId: 'no id', decision: 'approve' },
      { approvalId: foreign, decision: 'approve' },
      { approvalId: theirs, decision: 'approve' },
      { approvalId: invalid, decision: 'approve', input: { amount: -1 } },
      { approvalId: gone, decision: 'approve' },
      { approvalId: twice, decision: 'deny', reason: 'first' },
      { approvalId: twice, decision: 'deny', reason: 'second' },
      { approvalId: asked, decision: 'approve' },
      { approvalId: asked, decision: 'answer', answer: 'red' },
      { approvalId: denied, decision: 'deny' },
    ]);
    expect(answer.status).toBe(200);
    expect(outcomes(answer)).toEqual([
      [200, 'approved'],
      [404, 'not-found'],
      [404, 'not-found'],
      [403, 'may-not-decide'],
      [422, 'validation-failed'],
      [409, 'already-decided'],
      [200, 'denied'],
      [409, 'already-decided'],
      [422, 'decision-not-applicable'],
      [200, 'answered'],
      [200, 'denied'],
    ]);
    expect(resultsOf(answer)[5]?.problem).toMatchObject({ approval: { reason: 'before' } });
    expect(resultsOf(answer)[7]?.problem).toMatchObject({ approval: { id: twice, reason: 'first' } });
    expect(resultsOf(answer)[4]?.problem).toMatchObject({
      instance: `/approvals/${invalid}/decision`,
      errors: [{ pointer: '/input/amount' }],
    });
  });

  test.each([
    [[], '/decisions'],
    [Array.from({ length: 101 }, () => ({ approvalId: 'x', decision: 'deny' })), '/decisions'],
    [[{ approvalId: 'x' }], '/decisions/0/decision'],
    [[{ approvalId: 'x', decision: 'deny', more: 1 }], '/decisions/0/more'],
  ])('that do not fit are refused together (%#)', async (decisions, pointer) => {
    const answer = await decideMany(decisions);
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ pointer }] });
  });

  test('are answered again under their key, and the key is for nothing else', async () => {
    const id = await askingOne();
    const key = { 'idempotency-key': uuidv7() };
    const decisions = [
      { approvalId: id, decision: 'approve' },
      { approvalId: id, decision: 'deny' },
    ];
    const first = await decideMany(decisions, key);
    const second = await decideMany(decisions, key);
    expect(outcomes(first)).toEqual([
      [200, 'approved'],
      [409, 'already-decided'],
    ]);
    expect([second.status, second.text, second.headers['idempotency-replayed']]).toEqual([
      200,
      first.text,
      'true',
    ]);
    expect((await decideMany(decisions.slice(1), key)).json()).toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect((await decide(await askingOne(), { decision: 'deny' }, key)).json()).toMatchObject({
      code: 'idempotency-key-reused',
    });
  });

  test('do nothing when they are answered again', async () => {
    const id = uuidv7();
    const key = { 'idempotency-key': uuidv7() };
    const first = await decideMany([{ approvalId: id, decision: 'deny' }], key);
    expect(outcomes(first)).toEqual([[404, 'not-found']]);
    await insertApproval(server.db, { id });
    expect((await decideMany([{ approvalId: id, decision: 'deny' }], key)).text).toBe(first.text);
    expect((await ask(server.url, `/approvals/${id}`)).json()).toMatchObject({ status: 'pending' });
  });

  test('that a crash cut off are finished by the same request, which knows what it decided', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, () => askingOne()));
    const key = { 'idempotency-key': uuidv7() };
    const decisions = ids.flatMap((approvalId) => [
      { approvalId, decision: 'approve' },
      { approvalId, decision: 'deny' },
    ]);
    const first = await decideMany(decisions, key);
    // As it is when the process dies after the second approval, of which it had not told anybody.
    await server.db.pool.query(
      'UPDATE outlast.idempotency_keys SET status = NULL, headers = NULL, body = NULL WHERE key = $1',
      [key['idempotency-key']],
    );
    const undecided = ids[2] as string;
    await server.db.pool.query(
      `UPDATE outlast.approvals SET status = 'pending', decided_by = NULL, decided_at = NULL, decision_id = NULL
       WHERE id = $1`,
      [undecided],
    );
    expect((await decideMany(decisions.slice(1), key)).json()).toMatchObject({
      code: 'idempotency-key-reused',
    });
    const second = await decideMany(decisions, key);
    expect(second.headers['idempotency-replayed']).toBeUndefined();
    expect(outcomes(second)).toEqual(outcomes(first));
    for (const id of ids.slice(0, 2)) expect(await kindsOf(id)).toEqual(['requested', 'approved']);
    const third = await decideMany(decisions, key);
    expect([third.text, third.headers['idempotency-replayed']]).toEqual([second.text, 'true']);
  });

  test('that come twice at once have one answer', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => askingOne()));
    const key = { 'idempotency-key': uuidv7() };
    const decisions = ids.map((approvalId) => ({ approvalId, decision: 'deny' }));
    const answers = await Promise.all(Array.from({ length: 4 }, () => decideMany(decisions, key)));
    const texts = answers.filter(({ status }) => status === 200).map(({ text }) => text);
    expect(new Set(texts).size).toBe(1);
    expect(outcomes(answers[0] as Answer)).toEqual(ids.map(() => [200, 'denied']));
    for (const id of ids) expect(await kindsOf(id)).toEqual(['requested', 'denied']);
  });

  test('that Postgres did not take in time are not kept, so that they can be asked for again', async () => {
    const [free, busy] = await Promise.all([askingOne(), askingOne()]);
    const key = { 'idempotency-key': uuidv7() };
    const decisions = [busy, free].map((approvalId) => ({ approvalId, decision: 'deny' }));
    const holder = await server.db.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM outlast.approvals WHERE id = $1 FOR UPDATE', [busy]);
    const first = await decideMany(decisions, key);
    await holder.query('ROLLBACK');
    holder.release();
    expect(outcomes(first)).toEqual([
      [503, 'unavailable'],
      [200, 'denied'],
    ]);
    expect(outcomes(await decideMany(decisions, key))).toEqual([
      [200, 'denied'],
      [200, 'denied'],
    ]);
    expect(await kindsOf(free)).toEqual(['requested', 'denied']);
  });
});

describe('an assignment', () => {
  const assign = (id: string, assignee: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(server.url, `/approvals/${id}/assign`, { body: { assignee }, headers });

  test('names somebody, or nobody again, and the history tells it', async () => {
    const id = await askingOne();
    expect((await assign(id, 'eve')).json()).toMatchObject({ id, status: 'pending', assignee: 'eve' });
    // As after a commit that was not heard of.
    expect((await assign(id, 'eve')).status).toBe(200);
    expect((await assign(id, null)).json()).toMatchObject({ assignee: null });
    const { history } = (await ask(server.url, `/approvals/${id}`)).json();
    expect(history).toMatchObject([
      { kind: 'requested' },
      { kind: 'assigned', by: 'local', detail: { assignee: 'eve' } },
      { kind: 'assigned', by: 'local', detail: { assignee: null } },
    ]);
  });

  test.each([undefined, '', 5, 'x'.repeat(257), 'a\u0000b', '\ud800'])(
    'to %j is refused',
    async (assignee) => {
      const id = await askingOne();
      expect((await assign(id, assignee)).json()).toMatchObject({
        status: 422,
        errors: [{ pointer: '/assignee' }],
      });
    },
  );

  test('is made once for a key', async () => {
    const id = await askingOne();
    const key = { 'idempotency-key': uuidv7() };
    const first = await assign(id, 'eve', key);
    await assign(id, 'ann');
    const again = await assign(id, 'eve', key);
    expect([again.text, again.headers['idempotency-replayed']]).toEqual([first.text, 'true']);
    expect((await ask(server.url, `/approvals/${id}`)).json()).toMatchObject({ assignee: 'ann' });
  });

  test('comes too late when it is decided or expired', async () => {
    const id = await askingOne();
    await decide(id, { decision: 'deny' });
    expect((await assign(id, 'eve')).json()).toMatchObject({
      status: 409,
      code: 'already-decided',
      approval: { status: 'denied', assignee: null },
    });
    const expired = await insertApproval(server.db, { status: 'expired' });
    expect((await assign(expired, 'eve')).json()).toMatchObject({ status: 409, code: 'approval-expired' });
  });

  test('races with decisions: each comes before it or is refused, and nothing is lost', async () => {
    const { owned, ids } = await asking(...Array.from({ length: 8 }, (_, i) => pay(`c${i}`)));
    await callAll(
      server.db,
      owned,
      agentThatActs().agent,
      ids.map((_, i) => `c${i}`),
    );
    const answers = await Promise.all(
      ids.flatMap((id) => [assign(id, 'eve'), decide(id, { decision: 'deny' }), assign(id, 'ann')]),
    );
    for (const [i, id] of ids.entries()) {
      const [eve, denied, ann] = answers.slice(3 * i, 3 * i + 3) as [Answer, Answer, Answer];
      expect(denied.status).toBe(200);
      for (const answer of [eve, ann]) {
        if (answer.status !== 200)
          expect(answer.json()).toMatchObject({ status: 409, code: 'already-decided' });
      }
      const assigned = [eve, ann].filter(({ status }) => status === 200).length;
      const kinds = await kindsOf(id);
      expect(kinds).toEqual(['requested', ...Array.from({ length: assigned }, () => 'assigned'), 'denied']);
      const { history, assignee } = (await ask(server.url, `/approvals/${id}`)).json();
      const last = (history as { detail: { assignee?: string } }[]).findLast(
        ({ detail }) => 'assignee' in detail,
      );
      expect(assignee).toBe(last?.detail.assignee ?? null);
    }
  });

  test('waits for nobody who holds the execution', async () => {
    const { owned, ids } = await asking(pay('c1'));
    const holder = await server.db.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM outlast.workflow_executions WHERE id = $1 FOR UPDATE', [
      owned.claimed.id,
    ]);
    expect((await assign(ids[0] as string, 'eve')).status).toBe(200);
    await holder.query('ROLLBACK');
    holder.release();
    expect((await executionOf(server.db, owned.claimed.id)).status).toBe('running');
  });

  test('that waits for a decision is refused by it', async () => {
    const id = await askingOne();
    const holder = await server.db.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM outlast.approvals WHERE id = $1 FOR UPDATE', [id]);
    const waiting = assign(id, 'eve');
    await waitFor(
      async () =>
        (
          await server.db.pool.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
          AND datname = current_database()`)
        ).rowCount,
      { describe: 'an assignment that waits' },
    );
    await holder.query(
      `UPDATE outlast.approvals SET status = 'denied', decided_by = 'x', decided_at = now() WHERE id = $1`,
      [id],
    );
    await holder.query('COMMIT');
    holder.release();
    expect((await waiting).json()).toMatchObject({ code: 'already-decided' });
    const [row] = await server.db.orm.select().from(approvals).where(eq(approvals.id, id));
    expect(row).toMatchObject({ status: 'denied', assignee: null });
  });
});
