import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask, start } from '../http/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

/* Readers on another process than the one that writes. */

let database: TestDatabase;
let writer: TestServer;
let other: TestServer;
let sql: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  writer = await startServer({ databaseUrl: database.url });
  other = await startServer({ databaseUrl: database.url, env: { OUTLAST_ROLE: 'api' } });
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});

afterAll(async () => {
  await sql?.end();
  await Promise.all([writer?.dispose(), other?.dispose()]);
  await database?.drop();
});

describe('a reader on another process', () => {
  test('gets every row once, in order, with the same bytes', async () => {
    const { id } = await start(writer.url, {
      input: 'think so\nstream 300 3\ncall add {"a":1,"b":2}\n---\nsay done',
    });
    const [here, there] = await Promise.all([read(writer, id), read(other, id)]);
    expect(there).toBe(here);
    expect(there).toContain('data: [DONE]');
  });

  test('hears of rows without waiting for its own look at the table', async () => {
    await waitFor(listeners, { describe: 'the other process to listen' });
    const { id } = await start(writer.url, { input: 'stream 100 20' });
    const reader = streamOf(await fetch(`${other.url}/executions/${id}/stream`));
    let parts = 0;
    for await (const part of reader) if (part.includes('text-delta')) parts += 1;
    // Read once a second, two seconds of words would come in three or four parts.
    expect(parts).toBeGreaterThan(10);
  });

  test('loses nothing while its listening connection is killed again and again', async () => {
    const { id } = await start(writer.url, { input: 'stream 400 5' });
    const reading = read(other, id);
    let kills = 0;
    const isDone = () =>
      ask(writer.url, `/executions/${id}`).then((answer) => answer.json()['status'] === 'completed');
    await waitFor(
      async () => {
        kills += await killListeners();
        return isDone();
      },
      { deadlineMs: 20_000, describe: 'the execution to complete' },
    );
    expect(kills).toBeGreaterThan(1);
    expect(await reading).toBe(await read(writer, id));
  });

  test('is woken when it waits for the end', async () => {
    const { id } = await start(writer.url, { input: 'stream 20 10' });
    const waited = await ask(other.url, `/executions/${id}/wait`);
    expect(waited.json()).toMatchObject({ id, status: 'completed' });
  });
});

describe('a process that only works', () => {
  test('runs what another took, and answers the probes only', async () => {
    const worker = await startServer({ databaseUrl: database.url, env: { OUTLAST_ROLE: 'worker' } });
    try {
      // The one that does both goes: what comes now can only be run by the worker.
      expect(await writer.stop()).toBe(0);
      const { id } = await start(other.url, { input: 'say who was it' });
      expect((await ask(other.url, `/executions/${id}/wait`)).json()).toMatchObject({ status: 'completed' });
      expect((await ask(worker.url, '/readyz')).status).toBe(200);
      expect((await ask(worker.url, `/executions/${id}`)).status).toBe(404);
      const { data } = (await ask(other.url, `/executions/${id}/timeline`)).json();
      const { rows } = await sql.query('SELECT worker_id FROM outlast.workers');
      expect(data[0]).toMatchObject({ kind: 'attempt', detail: { workerId: rows[0].worker_id } });
    } finally {
      await worker.dispose();
    }
  });
});

async function read(server: TestServer, id: string): Promise<string> {
  const response = await fetch(`${server.url}/executions/${id}/stream`);
  // Comments keep a connection alive and differ from one to the other.
  return (await response.text()).replaceAll(/^:.*\n\n/gm, '');
}

async function* streamOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
    yield decoder.decode(bytes, { stream: true });
  }
}

async function listeners(): Promise<number> {
  const { rows } =
    await sql.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'outlast listener'
    AND query LIKE 'LISTEN%' AND datname = current_database()`);
  return rows.length;
}

async function killListeners(): Promise<number> {
  const { rowCount } = await sql.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'outlast listener' AND datname = current_database()`);
  return rowCount ?? 0;
}
