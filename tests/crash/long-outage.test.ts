import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { start } from '../http/client.ts';
import { expectSound, readRecord } from '../support/execution-record.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { readWholeStream, StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { PrivatePostgres } from './private-postgres.ts';

const LEASE_MS = 1000;
const OUTAGE_MS = 2500;
const env = { WORKER_HEARTBEAT_MS: '100', WORKER_DEAD_AFTER_MS: String(LEASE_MS) };
const INPUT = 'stream 60 20';

let servers: TestServer[];

/** Runs an execution on each server over an outage that outlasts every lease. */
async function outlast(databaseUrl: string, leave: () => unknown, comeBack: () => unknown): Promise<void> {
  const readers = await Promise.all(
    servers.map(async ({ url }) => {
      const { id } = await start(url, { agentId: 'assistant', input: INPUT });
      return { id, url, reader: new StreamReader(url, id) };
    }),
  );
  await waitFor(() => readers.every(({ reader }) => reader.events.length > 5), {
    describe: 'both in mid-stream',
  });
  await leave();
  const left = performance.now();
  await waitFor(() => performance.now() - left > OUTAGE_MS, { describe: 'every lease is over' });
  await comeBack();
  await waitFor(() => readers.every(({ reader }) => reader.isDone), {
    deadlineMs: 20_000,
    describe: () => `both end\n${servers.map((server) => server.log()).join('\n')}`,
  });
  for (const { id, url, reader } of readers) {
    const record = await readRecord(databaseUrl, id);
    expect(record?.attempts.map(({ endReason }) => endReason)).toEqual(['completed']);
    await expectSound(record as NonNullable<typeof record>);
    expect(reader.events).toEqual(await readWholeStream(url, id));
    reader.close();
  }
  for (const server of servers) expect(server.log()).not.toMatch(/worker\.(dead|lease-lost)/);
}

beforeEach(() => {
  servers = [];
});

describe('nobody is declared dead', () => {
  let postgres: PrivatePostgres;

  afterEach(async () => {
    for (const server of servers) await server.dispose();
    await postgres.dispose();
  });

  test('when Postgres was down for longer than the lease', async () => {
    postgres = await PrivatePostgres.start();
    for (const _ of [1, 2]) servers.push(await startServer({ env, databaseUrl: postgres.url }));
    await outlast(
      postgres.url,
      () => postgres.stop('SIGINT'),
      () => postgres.start(),
    );
  });
});

describe('nobody is declared dead', () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;

  afterEach(async () => {
    for (const server of servers) await server.dispose();
    await proxy.close();
    await database.drop();
  });

  test('when no worker could reach Postgres for longer than the lease', async () => {
    database = await createTestDatabase();
    proxy = await openPostgresProxy(database.url);
    for (const _ of [1, 2]) servers.push(await startServer({ env, databaseUrl: proxy.url }));
    await outlast(
      database.url,
      () => proxy.cut(),
      () => proxy.restore(),
    );
  });
});
