import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { startServer, type TestServer } from '../support/server.ts';
import { type Answer, ask } from './client.ts';
import { countRows } from './row-counts.ts';
import { parseEvents } from './sse.ts';

describe('Idempotency-Key', () => {
  let server: TestServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServer();
    client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await server.dispose();
  });

  function post(key: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return ask(server.url, '/executions', { body, headers: { 'idempotency-key': key, ...headers } });
  }

  async function countExecutions(): Promise<number> {
    return (await countRows(server.databaseUrl))['workflow_executions'] ?? -1;
  }

  test('gives the first answer again, and does nothing', async () => {
    const first = await post('again', { input: 'say one', metadata: { a: 1, b: 2 } });
    const count = await countExecutions();
    // The same JSON, written in another order.
    const second = await post('again', '{ "metadata": { "b": 2, "a": 1 }, "input": "say one" }', {
      'content-type': 'application/json',
    });

    expect([second.status, second.text]).toEqual([202, first.text]);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(second.headers).toMatchObject({
      'idempotency-replayed': 'true',
      location: first.headers['location'],
      'x-execution-id': first.headers['x-execution-id'],
    });
    expect(await countExecutions()).toBe(count);
  });

  test('attaches to the stream of the same execution', async () => {
    const first = await post('stream', { input: 'say hello' }, { accept: 'text/event-stream' });
    const second = await post('stream', { input: 'say hello' }, { accept: 'text/event-stream' });
    expect(second.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'idempotency-replayed': 'true',
      'x-execution-id': first.headers['x-execution-id'],
    });
    expect(parseEvents(second.text)).toEqual(parseEvents(first.text));
    expect((await post('stream', { input: 'say hello' })).json()['execution']).toMatchObject({
      id: first.headers['x-execution-id'],
    });
  });

  test('refuses the key for another body or path', async () => {
    const { headers } = await post('other', { input: 'say one' });
    expect((await post('other', { input: 'say two' })).json()).toMatchObject({
      code: 'idempotency-key-reused',
    });
    const retry = await ask(server.url, `${headers['location'] as string}/retry`, {
      method: 'POST',
      headers: { 'idempotency-key': 'other' },
    });
    expect(retry.json()).toMatchObject({ status: 409, code: 'idempotency-key-reused' });
  });

  test('lets exactly one of many at once win', async () => {
    const before = await countExecutions();
    const answers = await Promise.all(Array.from({ length: 12 }, () => post('race', { input: 'say race' })));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotency-replayed'] === undefined)).toHaveLength(1);
    expect(await countExecutions()).toBe(before + 1);
  });

  test('does not wait long for a first request that hangs, and is free when that is given up', async () => {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO outlast.idempotency_keys (tenant_id, owner_id, key, request_hash)
       VALUES ('default', 'local', 'hang', 'x')`,
    );
    const blocked = await post('hang', { input: 'say one' });
    await client.query('ROLLBACK');
    expect(blocked.json()).toMatchObject({ status: 409, code: 'idempotency-in-flight' });
    expect(blocked.headers['retry-after']).toBe('1');
    expect((await post('hang', { input: 'say one' })).status).toBe(202);
  });

  test('is freed by an answer that is no success', async () => {
    expect((await post('freed', { input: 'say one', agentId: 'nobody' })).status).toBe(404);
    expect((await post('freed', { input: 'say one', agentId: 'assistant' })).status).toBe(202);
  });

  test('is forgotten after a day', async () => {
    const first = await post('old', { input: 'say one' });
    await client.query(
      `UPDATE outlast.idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'old'`,
    );
    const second = await post('old', { input: 'say two' });
    expect(second.status).toBe(202);
    expect(second.headers['x-execution-id']).not.toBe(first.headers['x-execution-id']);
  });
});
