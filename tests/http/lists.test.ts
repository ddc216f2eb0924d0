import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { executionSchema } from '../../src/executions/view.ts';
import { threadSchema } from '../../src/threads/view.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { ask, run } from './client.ts';

/** Rows that differ by microseconds only, and some not even by these. */
const MICROS = ['000001', '000002', '000002', '000002', '000999', '001000', '001001'];

describe('lists', () => {
  let server: TestServer;
  let client: pg.Client;
  let ids: string[];

  beforeAll(async () => {
    server = await startServer();
    client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    ids = [];
    for (const [i, micros] of MICROS.entries()) {
      const metadata = { n: i, parity: i % 2 === 0 ? 'even' : 'odd', __proto__x: 'y' };
      const { id } = await run(server.url, { input: `say ${i}`, threadId: `list-${i}`, metadata });
      const at = `2026-01-01T00:00:00.${micros}Z`;
      await client.query('UPDATE outlast.workflow_executions SET created_at = $2 WHERE id = $1', [id, at]);
      await client.query('UPDATE outlast.threads SET created_at = $2 WHERE id = $1', [`list-${i}`, at]);
      ids.push(id);
    }
  });
  afterAll(async () => {
    await client.end();
    await server.dispose();
  });

  async function list(path: string): Promise<Record<string, unknown>[]> {
    const answer = await ask(server.url, path);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.json().data;
  }

  /** Follows the cursors; every page but the last is full. */
  async function all(path: string, limit: number): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let cursor = ''; ; ) {
      const page = (await ask(server.url, `${path}?limit=${limit}${cursor}`)).json();
      found.push(...page.data.map(({ id }) => id));
      if (page['nextCursor'] === null) return found;
      expect(page.data).toHaveLength(limit);
      cursor = `&cursor=${page['nextCursor'] as string}`;
    }
  }

  test.each([1, 2, 3, 6, 7, 8])('give every execution once, newest first, in pages of %i', async (limit) => {
    const newestFirst = ids
      .map((id, i) => ({ id, micros: MICROS[i] ?? '' }))
      .sort((a, b) => (a.micros === b.micros ? (a.id < b.id ? 1 : -1) : a.micros < b.micros ? 1 : -1));
    expect(await all('/executions', limit)).toEqual(newestFirst.map(({ id }) => id));
  });

  test.each([1, 3, 7])('give every thread once in pages of %i', async (limit) => {
    const found = await all('/threads', limit);
    expect(found[0]).toBe('list-6');
    expect(new Set(found).size).toBe(MICROS.length);
    expect(found).toHaveLength(MICROS.length);
  });

  test.each([
    ['status=completed', 7],
    ['status=queued', 0],
    ['status=queued&status=completed', 7],
    ['agentId=assistant', 7],
    ['agentId=operator', 0],
    ['threadId=list-3', 1],
    ['source=api', 7],
    ['source=chat', 0],
    ['automationId=019a0000-0000-7000-8000-000000000000', 0],
    ['metadata.parity=even', 4],
    ['metadata.parity=even&metadata.n=2', 1],
    ['metadata.n=6', 1],
    ['metadata.__proto__x=y', 7],
    ['metadata.__proto__=y', 0],
    ["metadata.parity'%20OR%201=1", 0],
    ['createdAfter=2026-01-01T00:00:00.001Z', 2],
    ['createdBefore=2026-01-01T00:00:00.001Z', 5],
    ['createdAfter=2026-01-01T01:00:00.001%2B01:00', 2],
    ['createdAfter=2026-01-01T00:00:00Z&createdBefore=2026-01-01T00:00:00Z', 0],
  ])('of executions with %s have %i', async (query, count) => {
    expect(await list(`/executions?${query}`)).toHaveLength(count);
  });

  test('keep their filter over pages', async () => {
    const first = (await ask(server.url, '/executions?metadata.parity=even&limit=3')).json();
    const second = (
      await ask(server.url, `/executions?metadata.parity=even&limit=3&cursor=${String(first['nextCursor'])}`)
    ).json();
    expect([...first.data, ...second.data].map(({ metadata }) => (metadata as { n: number }).n)).toEqual([
      6, 4, 2, 0,
    ]);
  });

  test('have what their schemas say, and the single thing is the same', async () => {
    for (const execution of await list('/executions')) {
      expect(executionSchema.strict().parse(execution)).toEqual(execution);
      expect((await ask(server.url, `/executions/${String(execution['id'])}`)).json()).toEqual(execution);
    }
    for (const thread of await list('/threads')) {
      expect(threadSchema.strict().parse(thread)).toEqual(thread);
      expect((await ask(server.url, `/threads/${String(thread['id'])}`)).json()).toEqual(thread);
    }
  });

  test('are read from their indexes, without a sort', async () => {
    await insertOthers();
    await client.query('SET enable_seqscan = off');
    for (const table of ['workflow_executions', 'threads']) {
      const own = await planOf(table, "tenant_id = 'default' AND owner_id = 'local'");
      expect(own).toContain(` ${table}_list_idx`);
      expect(own).not.toContain('Sort');
      const ofTenant = await planOf(table, "tenant_id = 'default'");
      expect(ofTenant).toContain(` ${table}_tenant_list_idx`);
      expect(ofTenant).not.toContain('Sort');
    }
  });

  /** As a request sees the table, with its policy. */
  async function planOf(table: string, scope: string): Promise<string> {
    await client.query(`BEGIN; SET LOCAL ROLE ${APP_ROLE}; SET LOCAL outlast.tenant_id = 'default'`);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT id FROM outlast.${table} WHERE ${scope}
         AND (created_at, id) < (now(), '${ids[0] ?? ''}')
       ORDER BY created_at DESC, id DESC LIMIT 3`,
    );
    await client.query('COMMIT');
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  }

  /** A thousand other users of the tenant, with one thread and one execution each. */
  async function insertOthers(): Promise<void> {
    await client.query(`
      WITH made AS (
        INSERT INTO outlast.threads (tenant_id, owner_id, id)
        SELECT 'default', 'user' || i, 'thread' FROM generate_series(1, 1000) i RETURNING no, owner_id
      )
      INSERT INTO outlast.workflow_executions
        (id, tenant_id, owner_id, thread_no, ordinal, message_id, input_message_id, agent_id, source, status, segment,
         input, finished_at, last_seq)
      SELECT gen_random_uuid(), 'default', owner_id, no, 1, 'a', 'q', 'a', 'api', 'completed', 1, '{}', now(), 0
      FROM made`);
    await client.query('ANALYZE outlast.threads, outlast.workflow_executions');
  }
});
