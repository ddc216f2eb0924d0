import { describe, expect, test } from '@jest/globals';
import { ofTenant, openDatabase } from '../../src/db/database.ts';
import { ask } from './client.ts';
import { serveAlone } from './in-process.ts';

describe('a server in trouble', () => {
  test('takes no new work while it drains, and still shows what there is', async () => {
    const server = await serveAlone({ isDraining: () => true });
    const posted = await ask(server.url, '/executions', { body: { input: 'x' } });
    expect(posted.json()).toMatchObject({ status: 503, code: 'draining' });
    expect(posted.headers['retry-after']).toBe('1');
    expect((await ask(server.url, '/readyz')).json()).toMatchObject({
      code: 'draining',
      dependencies: { database: 'ok' },
    });
    expect((await ask(server.url, '/healthz')).status).toBe(200);
    expect((await ask(server.url, '/executions')).status).toBe(200);
    await server.dispose();
  });

  test('is not ready when something that it needs is missing', async () => {
    const server = await serveAlone({
      readiness: async () => ({ database: 'ok', listener: 'not connected' }),
    });
    expect((await ask(server.url, '/readyz')).json()).toMatchObject({
      status: 503,
      code: 'unavailable',
      detail: 'Not ready: listener',
      dependencies: { database: 'ok', listener: 'not connected' },
    });
    await server.dispose();
  });

  test('says that the database is away, and when to try again', async () => {
    const url = 'postgres://127.0.0.1:1/nowhere';
    const db = openDatabase({ url, poolSize: 1, idleTransactionMs: 1000, onError: () => undefined });
    const server = await serveAlone({ db, databaseOf: (tenantId) => ofTenant(db, tenantId) });
    const answer = await ask(server.url, '/executions');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(answer.json()).toMatchObject({ code: 'unavailable' });
    const posted = await ask(server.url, '/executions', { body: { input: 'x' } });
    expect(posted.json()).toMatchObject({ status: 503, code: 'unavailable' });
    await server.dispose();
  });

  test('hides a bug from the client and logs it, without what people wrote', async () => {
    const server = await serveAlone();
    await server.db.pool.query('ALTER TABLE outlast.workflow_executions RENAME COLUMN agent_id TO agent');
    const answer = await ask(server.url, '/executions?agentId=secret', { headers: { 'x-request-id': 'r1' } });
    expect(answer.json()).toEqual({
      type: '/docs/problems#internal',
      title: expect.any(String),
      status: 500,
      instance: '/executions',
      code: 'internal',
    });
    expect(server.logged).toHaveLength(1);
    expect(JSON.parse(server.logged[0] ?? '')).toMatchObject({
      msg: 'http.failed',
      requestId: 'r1',
      err: { stack: expect.stringContaining('list-executions'), cause: { code: '42703' } },
    });
    expect(server.logged[0]).not.toContain('secret');
    await server.dispose();
  });
});
