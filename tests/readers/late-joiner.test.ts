import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RecentRows } from '../../src/chunks/recent-rows.ts';
import type { Database } from '../../src/db/database.ts';
import { append, insertRunning } from '../http/in-process.ts';
import { insertWorker } from '../support/executions.ts';
import { openPool } from '../support/log-database.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { BodyReader } from './body-reader.ts';

let server: TestServer;
let db: Database;

beforeAll(async () => {
  server = await startServer();
  db = openPool(server.databaseUrl, 4);
  // The one who runs the execution is this test, and it will not be taken for dead.
  await insertWorker(db, { workerId: 'w', heartbeatAt: new Date(Date.now() + 3_600_000) });
});

afterAll(async () => {
  await db?.close();
  await server?.dispose();
});

test('a reader that joins takes no news away from those who wait', async () => {
  const { id, no } = await insertRunning(db);
  // As another process does whose hint gets lost.
  const write = (seq: number) =>
    append({ db, recentRows: new RecentRows() }, no, seq, [{ type: 'data-note', data: seq }]);
  const waits = new BodyReader(server.url, id);
  await write(1);
  await has(waits, 1);
  for (let seq = 2; seq <= 5; seq++) {
    await write(seq);
    // It reads the table to its end, before anybody has told of the new row.
    const joins = new BodyReader(server.url, id);
    await has(joins, seq);
    // Long before it would look by itself.
    await has(waits, seq);
    joins.leave();
  }
  waits.leave();
  expect(await waits.opened).toMatchObject({ statusCode: 200 });
});

const has = (reader: BodyReader, seq: number) =>
  waitFor(() => reader.tail.includes(`id: ${seq}\n`), { deadlineMs: 5000, describe: `row ${seq}` });
