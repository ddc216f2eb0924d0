import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask, run } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

let server: TestServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startServer({ env: { MAINTENANCE_INTERVAL_MS: '50', CHUNK_RETENTION_DAYS: '0.00001' } });
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await server.dispose();
});

async function isRemoved(id: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'SELECT 1 FROM outlast.workflow_executions WHERE id = $1 AND log_removed_at IS NOT NULL',
    [id],
  );
  return rowCount === 1;
}

describe('an execution whose log was removed by the server', () => {
  let execution: Record<string, unknown> & { id: string };
  let path: string;
  let timeline: unknown;

  beforeAll(async () => {
    execution = await run(server.url, {
      threadId: 'old',
      input: 'hello',
    });
    path = `/executions/${execution.id}`;
    timeline = (await ask(server.url, `${path}/timeline`)).json();
    await waitFor(() => isRemoved(execution.id), { describe: 'the removal' });
  });

  test('has no row left, and is said so in the server log', async () => {
    const { rows } = await client.query('SELECT count(*)::integer AS count FROM outlast.stream_chunks');
    expect(rows).toEqual([{ count: 0 }]);
    await waitFor(() => server.log().includes('maintenance.done'), { describe: 'the event in the log' });
  });

  test.each([
    ['an event stream', 'GET', '/stream', 'text/event-stream'],
    ['lines of JSON', 'GET', '/stream?after=1', 'application/x-ndjson'],
    ['a page of JSON', 'GET', '/chunks', 'application/json'],
  ])('answers who asks for %s with 410 and where the message is', async (_, method, suffix, accept) => {
    const gone = await ask(server.url, path + suffix, { method, headers: { accept } });
    expect(gone.headers['content-type']).toContain('application/problem+json');
    const { status, code, messageUrl } = gone.json();
    expect({ status, code }).toEqual({ status: 410, code: 'log-expired' });
    const message = await ask(server.url, messageUrl as string);
    expect(message.status).toBe(200);
    expect(message.json()).toMatchObject({ id: execution['messageId'], role: 'assistant' });
  });

  test('answers HEAD with 410, too', async () => {
    expect((await ask(server.url, `${path}/stream`, { method: 'HEAD' })).status).toBe(410);
  });

  test('tells who has all of it that this was the end', async () => {
    const lastSeq = execution['lastSeq'] as number;
    const all = { 'last-event-id': String(lastSeq) };
    expect((await ask(server.url, `${path}/stream`, { headers: all })).status).toBe(204);
    expect((await ask(server.url, `${path}/stream?after=${lastSeq}`)).text).toContain('[DONE]');
    expect((await ask(server.url, `${path}/chunks?after=${lastSeq}`)).json()).toEqual({
      data: [],
      nextAfter: lastSeq,
      lastSeq,
      final: true,
    });
  });

  test('is otherwise what it was: itself, its timeline, its messages', async () => {
    expect((await ask(server.url, path)).json()).toEqual(execution);
    expect((await ask(server.url, `${path}/timeline`)).json()).toEqual(timeline);
    expect((await ask(server.url, '/threads/old/messages')).json().data).toHaveLength(2);
    const again = await run(server.url, {
      threadId: 'old',
      input: 'more',
    });
    expect(again['status']).toBe('completed');
  });

  test('has no workflow left in DBOS an hour later', async () => {
    // A segment ends a moment after its execution.
    const age = 'UPDATE dbos.workflow_status SET completed_at = completed_at - 3600001';
    await waitFor(
      async () => {
        await client.query(age);
        return (await client.query('SELECT 1 FROM dbos.workflow_status')).rowCount === 0;
      },
      { describe: 'the removal of ended segments' },
    );
    expect((await client.query('SELECT 1 FROM dbos.workflow_input')).rowCount).toBe(0);
  });
});
