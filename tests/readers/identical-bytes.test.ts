import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PrivatePostgres } from '../crash/private-postgres.ts';
import { ask, start } from '../http/client.ts';
import { withClient } from '../support/execution-record.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import type { WireRow } from '../support/wire-rows.ts';
import { hashRows, type ReadExecution, RestlessReader } from './restless-reader.ts';
import { storedLines } from './stored-lines.ts';

/* Fifty readers that come, go and come back, on two processes, while things break. */

/** Another one: OUTLAST_TEST_SEED=7 jest tests/readers */
const SEED = Number(process.env['OUTLAST_TEST_SEED'] ?? 20_261_120);
const READERS = 50;
const SCRIPTS = [
  'think hm\nstream 350 10',
  'stream 200 10\ncall add {"a":1,"b":2}\n---\nstream 200 10',
  'stream 3500 1',
  'stream 20000 0\nstream 300 10',
];
const EXECUTIONS = 10;
const DEADLINE_MS = 40_000;

const LISTENERS = `FROM pg_stat_activity
  WHERE application_name = 'outlast listener' AND query LIKE 'LISTEN%' AND datname = current_database()`;

let postgres: PrivatePostgres;
let servers: TestServer[];
let random: SeededRandom;

beforeAll(async () => {
  random = new SeededRandom(SEED);
  postgres = await PrivatePostgres.start();
  // The first one migrates.
  servers = [await startServer({ databaseUrl: postgres.url })];
  servers.push(await startServer({ databaseUrl: postgres.url, env: { OUTLAST_ROLE: 'api' } }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.dispose()));
  await postgres.dispose();
});

jest.setTimeout(DEADLINE_MS + 20_000);

describe(`fifty readers (OUTLAST_TEST_SEED=${SEED})`, () => {
  test('get the same bytes while every listening connection is killed again and again', async () => {
    const executions = await startAll();
    let kills = 0;
    const readers = await readAll(executions, async () => {
      kills += await killListeners();
    });
    expect(kills).toBeGreaterThan(4);
    expect(readers.reduce((sum, { cutByServer }) => sum + cutByServer, 0)).toBe(0);
    await expectOneTruth(executions, readers);
  });

  test('get the same bytes while Postgres restarts, and crashes', async () => {
    const executions = await startAll();
    const ways = ['SIGINT', 'SIGQUIT'] as const;
    let restarts = 0;
    let mark = 0;
    const readers = await readAll(executions, async () => {
      const signal = ways[restarts];
      if (signal === undefined || rowsSeen(executions) < mark + 40 * EXECUTIONS) return;
      restarts += 1;
      await postgres.stop(signal);
      await postgres.start();
      mark = rowsSeen(executions);
    });
    expect(restarts).toBe(ways.length);
    await expectOneTruth(executions, readers);
  });
});

async function startAll(): Promise<ReadExecution[]> {
  const started = Array.from({ length: EXECUTIONS }, (_, i) =>
    start((servers[i % 2] as TestServer).url, { input: SCRIPTS[i % SCRIPTS.length] }),
  );
  return (await Promise.all(started)).map(({ id }) => ({ id, seen: 0, isOver: false }));
}

function rowsSeen(executions: readonly ReadExecution[]): number {
  return executions.reduce((sum, { seen }) => sum + seen, 0);
}

/** Lets all readers read to the end; `disturb` is called all the time while executions go on. */
async function readAll(
  executions: readonly ReadExecution[],
  disturb: () => Promise<void>,
): Promise<RestlessReader[]> {
  const urls = servers.map(({ url }) => url);
  const leave = new AbortController();
  const readers = Array.from({ length: READERS }, (_, i) => {
    const execution = executions[i % EXECUTIONS] as ReadExecution;
    return new RestlessReader(urls, execution, random.fork());
  });
  // The first of each execution comes at once, so that there is progress for the others to wait for.
  const reading = readers.map((reader, i) =>
    reader.read(i < EXECUTIONS ? 0 : random.between(0, 320), leave.signal),
  );
  let isOver = false;
  void Promise.allSettled(reading).then(() => {
    isOver = true;
  });
  try {
    await waitFor(
      async () => {
        if (executions.some(({ isOver }) => !isOver)) await disturb();
        return isOver || readers.some(({ faults }) => faults.length > 0);
      },
      { deadlineMs: DEADLINE_MS, describe: () => describeReaders(readers) },
    );
  } finally {
    leave.abort();
    await Promise.all(reading);
  }
  return readers;
}

function describeReaders(readers: readonly RestlessReader[]): string {
  return readers
    .map(({ execution, rows, visits }) => `${execution.id} has ${rows.size} rows after ${visits} visits`)
    .join('\n');
}

/** Kills those that listen by now, so that each time is a loss. */
async function killListeners(): Promise<number> {
  return withClient(postgres.url, async (client) => {
    const { rowCount } = await client.query(`SELECT pg_terminate_backend(pid) ${LISTENERS}`);
    return rowCount ?? 0;
  });
}

/** Every reader, the table and the pages of JSON tell the same. */
async function expectOneTruth(
  executions: readonly ReadExecution[],
  readers: readonly RestlessReader[],
): Promise<void> {
  expect(readers.flatMap(({ faults }) => faults)).toEqual([]);
  for (const { id } of executions) {
    const stored = await storedLines(postgres.url, id);
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, i) => i + 1));
    const expected = hashRows(stored);
    const got = readers.filter(({ execution }) => execution.id === id).map((reader) => reader.hash());
    expect(got).toEqual(got.map(() => expected));
    expect(got).toHaveLength(READERS / EXECUTIONS);
    for (const { url } of servers) expect(hashRows(await pagedRows(url, id))).toBe(expected);
    const { status } = (await ask((servers[0] as TestServer).url, `/executions/${id}`)).json();
    expect(status).toBe('completed');
  }
}

async function pagedRows(url: string, id: string): Promise<WireRow[]> {
  const rows: WireRow[] = [];
  for (;;) {
    const page = (await ask(url, `/executions/${id}/chunks?after=${rows.at(-1)?.seq ?? 0}&limit=500`)).json();
    if (page.data.length === 0) return rows;
    for (const { seq, chunk } of page.data) rows.push({ seq: seq as number, bytes: JSON.stringify(chunk) });
  }
}
