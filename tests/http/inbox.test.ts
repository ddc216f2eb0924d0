import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Logger, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { uuidv7 } from 'uuidv7';
import { approvalDetailSchema } from '../../src/approvals/get-approval.ts';
import { listApprovals } from '../../src/approvals/list-approvals.ts';
import { approvalSchema } from '../../src/approvals/view.ts';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { ofTenant, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { insertApproval } from '../support/inbox.ts';
import { ask } from './client.ts';
import { serveAlone, type TestHttp } from './in-process.ts';

describe('the inbox', () => {
  let server: TestHttp;
  /** What the caller may decide, by what it is. */
  const own: Record<string, string> = {};
  const foreign: Record<string, string> = {};
  const executionId = uuidv7();

  beforeAll(async () => {
    server = await serveAlone();
    const { db } = server;
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    own['plain'] = await insertApproval(db, { createdAt: at(2), threadId: 'shared', executionId });
    own['question'] = await insertApproval(db, { createdAt: at(1), kind: 'question', toolName: 'ask' });
    own['unknown'] = await insertApproval(db, { createdAt: at(4), kind: 'unknown-outcome', agentId: 'b' });
    own['named'] = await insertApproval(db, {
      createdAt: at(3),
      ownerId: 'ann',
      threadId: 'shared',
      approvers: ['bob', 'local'],
    });
    own['assigned'] = await insertApproval(db, { createdAt: at(5), assignee: 'eve', expiresAt: at(60) });
    own['approved'] = await insertApproval(db, { createdAt: at(6), status: 'approved' });
    own['denied'] = await insertApproval(db, { createdAt: at(7), status: 'denied', assignee: 'eve' });
    own['answered'] = await insertApproval(db, { createdAt: at(8), kind: 'question', status: 'answered' });
    foreign['owner'] = await insertApproval(db, { ownerId: 'ann' });
    foreign['tenant'] = await insertApproval(db, { tenantId: 'other' });
    foreign['tenant, named'] = await insertApproval(db, { tenantId: 'other', approvers: ['local'] });
    foreign['owner, somebody else named'] = await insertApproval(db, { ownerId: 'ann', approvers: ['bob'] });
  });
  afterAll(() => server.dispose());

  async function names(query: string): Promise<string[]> {
    const answer = await ask(server.url, `/approvals${query}`);
    expect([query, answer.status]).toEqual([query, 200]);
    return answer
      .json()
      .data.map(({ id }) => Object.keys(own).find((name) => own[name] === id) ?? String(id));
  }

  test('has what is pending and may be decided, oldest first', async () => {
    expect(await names('')).toEqual(['question', 'plain', 'named', 'unknown', 'assigned']);
  });

  test.each([
    ['status=pending', ['question', 'plain', 'named', 'unknown', 'assigned']],
    ['status=approved', ['approved']],
    ['status=approved&status=denied&status=approved', ['approved', 'denied']],
    ['status=answered&status=pending&limit=2', ['question', 'plain']],
    ['status=expired', []],
    ['agentId=b', ['unknown']],
    ['agentId=nobody', []],
    ['toolName=ask', ['question']],
    ['kind=question', ['question']],
    ['kind=question&status=pending&status=answered', ['question', 'answered']],
    ['kind=unknown-outcome', ['unknown']],
    ['assignee=eve', ['assigned']],
    ['assignee=eve&status=denied', ['denied']],
    ['threadId=shared', ['plain', 'named']],
    [`executionId=${executionId}`, ['plain']],
    [`executionId=${executionId.toUpperCase()}`, ['plain']],
    ['expiresBefore=2026-01-01T00:01:00.001Z', ['assigned']],
    ['expiresBefore=2026-01-01T00:01:00Z', []],
    ['agentId=a&kind=approval&assignee=eve', ['assigned']],
  ])('with %s has %j', async (query, expected) => {
    expect(await names(`?${query}`)).toEqual(expected);
  });

  test.each([
    'state=pending',
    'status=open',
    'kind=other',
    'executionId=1',
    'threadId=',
    'expiresBefore=tomorrow',
    'limit=0',
    'limit=201',
    'cursor=x',
    'agentId=a&agentId=b',
    'createdAfter=2026-01-01T00:00:00Z',
  ])('refuses %s', async (query) => {
    expect((await ask(server.url, `/approvals?${query}`)).json()).toMatchObject({
      status: 400,
      code: 'bad-query',
    });
  });

  test('has what its schema says, and the single thing has its history too', async () => {
    for (const approval of (await ask(server.url, '/approvals')).json().data) {
      expect(approvalSchema.strict().parse(approval)).toEqual(approval);
      const { history, ...single } = (await ask(server.url, `/approvals/${String(approval['id'])}`)).json();
      expect(single).toEqual(approval);
      expect(history).toEqual([{ kind: 'requested', by: 'a', at: expect.any(String), detail: {} }]);
      expect(approvalDetailSchema.strict().parse({ ...single, history })).toEqual({ ...single, history });
    }
  });

  test('tells a stranger nothing, as if it did not exist', async () => {
    const missing = async (path: string, method: string, body: unknown) => {
      const { status, headers, text } = await ask(server.url, path, { method, ...(body ? { body } : {}) });
      return { status, text: text.replaceAll(/[0-9a-f-]{36}/g, 'ID'), length: headers['content-length'] };
    };
    const requests = [
      ['', 'GET', undefined],
      ['', 'HEAD', undefined],
      ['/decision', 'POST', { decision: 'approve' }],
      ['/decision', 'POST', { decision: 'answer' }],
      ['/assign', 'POST', { assignee: 'me' }],
    ] as const;
    for (const [path, method, body] of requests) {
      const unknown = await missing(`/approvals/${uuidv7()}${path}`, method, body);
      expect(unknown.status).toBe(404);
      for (const id of Object.values(foreign)) {
        expect(await missing(`/approvals/${id}${path}`, method, body)).toEqual(unknown);
      }
    }
    expect((await ask(server.url, '/approvals/no-id')).status).toBe(404);
  });

  test('shows the owner what others have to decide, but not among what is theirs to decide', async () => {
    const id = await insertApproval(server.db, { approvers: ['bob'], toolName: 'theirs' });
    expect(await names('?toolName=theirs')).toEqual([]);
    expect((await ask(server.url, `/approvals/${id}`)).json()).toMatchObject({ id, status: 'pending' });
    const decision = await ask(server.url, `/approvals/${id}/decision`, { body: { decision: 'approve' } });
    expect(decision.json()).toMatchObject({ status: 403, code: 'may-not-decide' });
    const assigned = await ask(server.url, `/approvals/${id}/assign`, { body: { assignee: 'eve' } });
    expect(assigned.json()).toMatchObject({ status: 403, code: 'may-not-decide' });
    expect((await ask(server.url, `/approvals/${id}`)).json()).toMatchObject({
      status: 'pending',
      assignee: null,
    });
  });

  test('refuses what is no method of its paths, whichever path is tried first', async () => {
    for (const [method, path, allow] of [
      ['GET', '/approvals/decisions', 'POST, OPTIONS'],
      ['POST', '/approvals/stream', 'GET, HEAD, OPTIONS'],
      ['GET', `/approvals/${String(own['plain'])}/assign`, 'POST, OPTIONS'],
    ] as const) {
      const answer = await ask(server.url, path, { method, ...(method === 'POST' ? { body: {} } : {}) });
      expect([path, answer.status, answer.headers['allow']]).toEqual([path, 405, allow]);
    }
  });
});

describe('pages of the inbox', () => {
  /** Rows that differ by microseconds only, and some not even by these. */
  const MICROS = ['000001', '000002', '000002', '000002', '000999', '001000', '001001'];
  let server: TestHttp;
  let ids: string[];

  beforeAll(async () => {
    server = await serveAlone();
    ids = [];
    for (const [i, micros] of MICROS.entries()) {
      const others = i % 3 === 0 ? { ownerId: 'ann', approvers: ['local'] } : {};
      const status = i % 2 === 0 ? 'pending' : 'denied';
      const id = await insertApproval(server.db, { ...others, status });
      await server.db.pool.query(`UPDATE outlast.approvals SET created_at = $2 WHERE id = $1`, [
        id,
        `2026-01-01T00:00:00.${micros}Z`,
      ]);
      ids.push(id);
    }
  });
  afterAll(() => server.dispose());

  test.each([1, 2, 3, 6, 7, 8])('give each approval once, oldest first, in pages of %i', async (limit) => {
    const found: unknown[] = [];
    for (let cursor = ''; ; ) {
      const path = `/approvals?status=denied&status=pending&limit=${limit}${cursor}`;
      const page = (await ask(server.url, path)).json();
      found.push(...page.data.map(({ id }) => id));
      if (page['nextCursor'] === null) break;
      expect(page.data).toHaveLength(limit);
      cursor = `&cursor=${page['nextCursor'] as string}`;
    }
    // Ids of version 7 rise, so that they were inserted in the order of the list.
    expect(found).toEqual(ids);
  });
});

test('the inbox is read from its indexes, and no further than the page', async () => {
  const server = await serveAlone();
  try {
    const { pool } = server.db;
    const id = await insertApproval(server.db);
    await pool.query(
      `INSERT INTO outlast.approvals (id, tenant_id, owner_id, execution_id, thread_no, agent_id, tool_call_id,
         tool_name, turn, kind, status, decided_at, decided_by, input, input_hash, input_schema, context, risk,
         approvers, created_at)
       SELECT gen_random_uuid(), tenant_id, CASE WHEN n % 10 = 0 THEN 'ann' ELSE owner_id END, execution_id,
         thread_no, agent_id, 'many-' || n, tool_name, turn, kind, CASE WHEN n % 4 = 0 THEN 'pending' ELSE 'denied' END,
         CASE WHEN n % 4 = 0 THEN NULL ELSE now() END, CASE WHEN n % 4 = 0 THEN NULL ELSE 'x' END, input, input_hash,
         input_schema, context, risk, CASE WHEN n % 10 = 0 AND n % 400 <> 0 THEN ARRAY['bob']
           WHEN n % 400 = 0 THEN ARRAY['local'] END, now() - n * interval '1 second'
       FROM outlast.approvals, generate_series(1, 20000) AS n WHERE id = $1`,
      [id],
    );
    await pool.query('ANALYZE outlast.approvals, outlast.threads');
    const statements: { text: string; values: unknown[] }[] = [];
    const recorder: Logger = { logQuery: (text, values) => void statements.push({ text, values }) };
    const page = await listApprovals(drizzle(pool, { logger: recorder }), OPEN_SCOPE, {}, { limit: 50 });
    expect(page.data).toHaveLength(50);
    const [statement] = statements;
    // As a request sees the table, with its policy.
    const { rows } = await transaction(ofTenant(server.db, OPEN_SCOPE.tenantId), async (tx) => {
      await tx.execute(sql`SET LOCAL ROLE ${sql.identifier(APP_ROLE)}`);
      return tx.$client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE) ${statement?.text ?? ''}`, [
        ...(statement?.values ?? []),
      ]);
    });
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('approvals_inbox_idx');
    expect(plan).toContain('approvals_named_idx');
    expect(plan).not.toContain('Seq Scan on approvals');
    // Of the 4,500 that are the caller's own, 51 are touched.
    expect(plan).toMatch(/Index (Only )?Scan using approvals_inbox_idx .*rows=51(\.00)? loops=1/);
  } finally {
    await server.dispose();
  }
});
