import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask } from '../http/client.ts';
import { parseEvents } from '../http/sse.ts';
import { withClient } from '../support/execution-record.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { ThreadReader, type ThreadReaderOptions } from '../support/thread-reader.ts';
import { waitFor } from '../support/wait-for.ts';

/*
 * Readers that are cut again and again, on two processes, over a history of everything that a log can hold: an
 * execution that was taken over after a crash, one that waited for a person, one that was cancelled, and plain ones.
 */

const ENV = { WORKER_HEARTBEAT_MS: '200', WORKER_DEAD_AFTER_MS: '1000' };
const THREAD = 'long';

let database: TestDatabase;
let worker: TestServer;
let other: TestServer;
const readers: ThreadReader[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startServer({ databaseUrl: database.url, env: ENV });
  other = await startServer({ databaseUrl: database.url, env: ENV });
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await Promise.all([worker?.dispose(), other?.dispose()]);
  await database?.drop();
});

function attach(server: TestServer, options: ThreadReaderOptions = {}): ThreadReader {
  const reader = new ThreadReader(server.url, THREAD, options);
  readers.push(reader);
  return reader;
}

async function post(server: TestServer, body: object): Promise<string> {
  const answer = await ask(server.url, `/threads/${THREAD}/messages`, { body });
  if (answer.status !== 202) throw new Error(answer.text);
  return (answer.json()['execution'] as { id: string }).id;
}

async function execution(id: string): Promise<Record<string, unknown>> {
  return (await ask(other.url, `/executions/${id}`)).json();
}

async function until(id: string, status: string): Promise<void> {
  await waitFor(async () => (await execution(id))['status'] === status, {
    describe: `${id} to be ${status}`,
    deadlineMs: 20_000,
  });
}

async function logs(ids: readonly string[]): Promise<{ id: string; data: string }[]> {
  const all = await Promise.all(
    ids.map(async (id, i) => {
      const { text } = await ask(other.url, `/executions/${id}/stream`);
      return parseEvents(text).flatMap((event) =>
        event.id === undefined ? [] : [{ id: `${i + 1}.${event.id}`, data: event.data }],
      );
    }),
  );
  return all.flat();
}

describe('readers of a thread that are cut again and again', () => {
  const ids: string[] = [];
  const live = new Map<string, ThreadReader>();

  test('see each chunk once, in order, with the same bytes, while it all happens', async () => {
    await ask(worker.url, '/threads', { body: { id: THREAD } });
    const alternate = (connection: number) => (connection % 2 === 0 ? other.url : worker.url);
    for (const cutAfter of [1, 2, 3, 7, Number.POSITIVE_INFINITY]) {
      live.set(`cut after ${cutAfter}, elsewhere`, attach(other, { after: '0.0', cutAfter }));
      live.set(
        `cut after ${cutAfter}, changing`,
        attach(other, { after: '0.0', cutAfter, nextServer: alternate }),
      );
    }
    live.set('without a cursor', attach(other));

    ids.push(await post(worker, { text: 'think so\nstream 80 25\ncall add {"a":1,"b":2}\n---\nsay done' }));
    await waitFor(async () => Number((await execution(ids[0] ?? ''))['lastSeq']) > 20, { describe: 'rows' });
    await worker.kill();
    await until(ids[0] ?? '', 'completed');
    await worker.start();
    ids.push(
      await post(other, {
        agentId: 'operator',
        text: 'say so\ncall refund_order {"orderId":"1","amount":2}',
      }),
    );
    await until(ids[1] ?? '', 'suspended');
    const path = `/executions/${ids[1]}/approvals`;
    const { data } = (await ask(other.url, `/executions/${ids[1]}/chunks`)).json();
    const request = data
      .map(({ chunk }) => chunk as Record<string, string>)
      .find(({ approvalId }) => approvalId);
    const decided = await ask(worker.url, `${path}/${request?.['toolCallId']}`, { body: { approved: true } });
    expect(decided.status).toBe(200);
    await until(ids[1] ?? '', 'completed');
    ids.push(await post(worker, { agentId: 'assistant', text: 'stream 1000 10' }));
    ids.push(await post(other, { text: 'say four' }));
    await waitFor(async () => Number((await execution(ids[2] ?? ''))['lastSeq']) > 10, { describe: 'rows' });
    expect((await ask(other.url, `/executions/${ids[2]}/cancel`, { body: {} })).status).toBe(202);
    await until(ids[3] ?? '', 'completed');

    expect(await execution(ids[0] ?? '')).toMatchObject({ segment: 2 });
    const whole = await logs(ids);
    for (const [name, reader] of live) {
      await waitFor(() => reader.chunks.length >= whole.length, {
        describe: () => `${name}: ${reader.chunks.length} of ${whole.length}, ${reader.refused.join()}`,
        deadlineMs: 60_000,
      });
      expect([name, reader.chunks]).toEqual([name, whole]);
    }
  }, 120_000);

  test('see the same when all of it is over', async () => {
    const whole = await logs(ids);
    for (const cutAfter of [1, 5, Number.POSITIVE_INFINITY]) {
      const reader = attach(worker, { after: '0.0', cutAfter });
      await waitFor(() => reader.chunks.length >= whole.length, {
        describe: 'all chunks',
        deadlineMs: 60_000,
      });
      expect(reader.chunks).toEqual(whole);
    }
  }, 120_000);

  test('are told of an execution before its first chunk on every connection, and in the end how it ended', () => {
    for (const [name, reader] of live) {
      const told = new Set<string>();
      for (const { connection, name: event, id, data } of reader.events) {
        if (event === 'execution') told.add(`${connection} ${JSON.parse(data).ordinal}`);
        if (id === undefined) continue;
        const key = `${connection} ${id.split('.')[0]}`;
        expect([name, id, told.has(key)]).toEqual([name, id, true]);
      }
    }
    const steady = live.get('cut after Infinity, elsewhere');
    expect(ids.map((id) => steady?.statuses(id).at(-1))).toEqual([
      'completed',
      'completed',
      'cancelled',
      'completed',
    ]);
    // One connection, on another process than all that happened: nothing was missed.
    expect(steady?.statuses(ids[1] ?? '')).toEqual(
      expect.arrayContaining(['queued', 'running', 'suspended']),
    );
    expect(steady?.named('thread-message')).toHaveLength(4);
    expect(steady?.named('approval').map(({ status }) => status)).toEqual(['pending', 'approved']);
  });

  test('begin with what runs when the thread was deleted and made again', async () => {
    const reader = attach(other, { after: '4.1' });
    await waitFor(() => reader.chunks.length > 2, { describe: 'chunks' });
    expect((await ask(worker.url, `/threads/${THREAD}`, { method: 'DELETE' })).status).toBe(204);
    for (const each of [reader, ...live.values()]) {
      await waitFor(() => each.isDone || each.refused.includes(404), { describe: 'the end of the stream' });
      each.close();
    }
    expect(reader.isDone).toBe(true);
    expect(
      await withClient(
        database.url,
        async (sql) => (await sql.query('SELECT FROM outlast.threads')).rowCount,
      ),
    ).toBe(0);
    const again = await post(worker, { text: 'say again' });
    await until(again, 'completed');
    const late = attach(other, { after: '4.1' });
    const next = await post(other, { text: 'say more' });
    await waitFor(() => late.statuses(next).includes('completed'), { describe: 'the next' });
    expect(late.chunks).toEqual((await logs([again, next])).filter(({ id }) => id.startsWith('2.')));
  });
});
