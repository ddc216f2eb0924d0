import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { encodeHints, HINT_CHANNEL } from '../../src/chunks/log-hints.ts';
import type { Database } from '../../src/db/database.ts';
import { start } from '../http/client.ts';
import { insertWorker } from '../support/executions.ts';
import { heldBytes, MEASURABLE } from '../support/heap.ts';
import { insertManyRunning, openPool } from '../support/log-database.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { BodyReader, digestOfStream } from './body-reader.ts';
import { SlowReader } from './slow-reader.ts';
import { storedLines } from './stored-lines.ts';

/* Very many readers of one real process. */

const MB = 1024 ** 2;

jest.setTimeout(60_000);

let server: TestServer;
let db: Database;

beforeAll(async () => {
  server = await startServer({ env: { ...MEASURABLE, LOG_LEVEL: 'warn' } });
  db = openPool(server.databaseUrl, 4);
});

afterAll(async () => {
  await db?.close();
  await server?.dispose();
});

const until = (probe: () => unknown, describe: string | (() => string), deadlineMs = 30_000) =>
  waitFor(probe, { describe, deadlineMs });

test('10,000 readers that come and leave at once leave nothing behind', async () => {
  const { id } = await start(server.url, { input: 'stream 100000 200' });
  await visitAndLeave(id, 1000);
  const before = await heldBytes(server);
  await visitAndLeave(id, 10_000);
  await until(async () => (await listeners()) === 0, 'nobody who listens for readers that are gone');
  const after = await heldBytes(server);
  // A reader that was forgotten would hold its response, its socket and its follower: 10 KB and more.
  expect(after - before).toBeLessThan(10 * MB);
  const late = new BodyReader(server.url, id);
  await until(() => late.bytes > 1000, 'rows for one who stays');
  await until(async () => (await listeners()) === 1, 'a listening connection');
  late.leave();
  expect(server.log()).not.toContain('MaxListenersExceededWarning');
  expect(server.log().match(/"level":(50|60).*/g)).toBeNull();
});

test('1,000 readers of one execution, and one that is slow, get every byte', async () => {
  const { id } = await start(server.url, { input: 'stream 250 12' });
  const slow = new SlowReader(server.url, `/executions/${id}/stream`);
  const readers = Array.from({ length: 1000 }, () => new BodyReader(server.url, id));
  await until(() => readers.every(({ isDone }) => isDone), 'the end for every reader');
  expect(slow.isClosed).toBe(false);
  slow.leave();
  const expected = digestOfStream(await storedLines(server.databaseUrl, id));
  expect(new Set(readers.map((reader) => reader.digest()))).toEqual(new Set([expected]));
});

describe('2,000 streams in one process', () => {
  test('open before the first row, each get their own rows, and end', async () => {
    // The one who runs them is this test, and it will not be taken for dead.
    await insertWorker(db, { workerId: 'somebody', heartbeatAt: new Date(Date.now() + 3_600_000) });
    const owners = await insertManyRunning(db, 2000);
    const streams = owners.map((owner) => ({ owner, reader: new BodyReader(server.url, owner.executionId) }));
    const opened = await Promise.all(streams.map(({ reader }) => reader.opened));
    expect(new Set(opened.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect((await fetch(...asLines(owners[0]?.executionId ?? ''))).status).toBe(200);
    for (let seq = 1; seq <= 5; seq++) {
      await appendToAll(owners, seq, `'{"type":"data-note","data":"' || no || '"}'`);
      const news = (no: number) => `id: ${seq}\ndata: {"type":"data-note","data":"${no}"}\n\n`;
      const isBehind = () =>
        streams.filter(({ owner, reader }) => !reader.tail.endsWith(news(owner.executionNo)));
      await until(
        () => isBehind().length === 0,
        () => `row ${seq} for ${isBehind().length} readers`,
      );
    }
    await appendToAll(owners, 6, `'{"type":"finish"}'`);
    await Promise.all(streams.map(({ reader }) => reader.closed));
    for (const { owner, reader } of streams) {
      const note = `{"type":"data-note","data":"${owner.executionNo}"}`;
      const lines = [note, note, note, note, note, '{"type":"finish"}'];
      expect(reader.digest()).toBe(digestOfStream(lines.map((bytes, i) => ({ seq: i + 1, bytes }))));
    }
  });
});

/** Lines of JSON have no opening that would carry the headers; the first sign of life comes later than this. */
function asLines(id: string): Parameters<typeof fetch> {
  const headers = { accept: 'application/x-ndjson' };
  return [`${server.url}/executions/${id}/stream`, { headers, signal: AbortSignal.timeout(7000) }];
}

/** Readers that leave before the answer, at its first bytes, or in the middle of its rows. */
async function visitAndLeave(id: string, count: number): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const request = `GET /executions/${id}/stream HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  let left = count;
  const visit = (patience: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname).on('error', () => undefined);
      socket.once('close', () => resolve());
      let parts = 0;
      socket.on('data', () => {
        parts += 1;
        if (parts >= patience) socket.destroy();
      });
      socket.write(request, () => {
        if (patience === 0) socket.destroy();
      });
    });
  const visitor = async () => {
    while (left > 0) {
      left -= 1;
      await visit(left % 3);
    }
  };
  await Promise.all(Array.from({ length: 50 }, visitor));
}

async function listeners(): Promise<number> {
  const { rows } = await db.pool.query(`SELECT pid FROM pg_stat_activity
    WHERE application_name = 'outlast listener' AND datname = current_database()`);
  return rows.length;
}

/** Commits one row to each of these logs, and tells of them, as the process that runs them would. */
async function appendToAll(
  owners: readonly { executionNo: number }[],
  seq: number,
  chunk: string,
): Promise<void> {
  await db.pool.query(
    `INSERT INTO outlast.stream_chunks (execution_no, tenant_id, seq, n, attempt, turn, chunks)
     SELECT no, 'default', $2, 1, 1, 1, ${chunk} FROM unnest($1::bigint[]) AS no`,
    [owners.map(({ executionNo }) => executionNo), seq],
  );
  for (const payload of encodeHints(owners.map(({ executionNo }) => ({ executionNo, lastSeq: seq })))) {
    await db.pool.query('SELECT pg_notify($1, $2)', [HINT_CHANNEL, payload]);
  }
}
