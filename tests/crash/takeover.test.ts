import { afterEach, expect, test } from '@jest/globals';
import { start } from '../http/client.ts';
import { expectSound, readRecord, withClient } from '../support/execution-record.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const CONCURRENCY = 3;
const env = {
  WORKER_CONCURRENCY: String(CONCURRENCY),
  WORKER_HEARTBEAT_MS: '100',
  WORKER_DEAD_AFTER_MS: '1000',
};

let servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.reverse()) await server.dispose();
  servers = [];
});

/** The greatest number of attempts that a worker had at one time. */
async function mostAtOnce(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ most: number }>(`
      SELECT max(n)::int AS most FROM (
        SELECT count(*) AS n FROM outlast.execution_attempts a
        JOIN outlast.execution_attempts b ON b.worker_id = a.worker_id
          AND b.started_at <= a.started_at AND b.ended_at > a.started_at
        GROUP BY a.execution_id, a.attempt) AS meanwhile`);
    return rows[0]?.most ?? 0;
  });
}

test('what a dead worker ran is taken over once, by as many slots as there are, and the others never pause', async () => {
  const first = await startServer({ env });
  servers.push(first);
  const startOn = async (server: TestServer, words: number) => {
    const { id } = await start(server.url, { agentId: 'assistant', input: `stream ${words} 20` });
    return id;
  };
  const survivor = await startServer({ env, databaseUrl: first.databaseUrl });
  servers.push(survivor);
  const ofDead = await Promise.all(Array.from({ length: CONCURRENCY }, () => startOn(first, 100)));
  const others = await Promise.all(Array.from({ length: CONCURRENCY }, () => startOn(survivor, 100)));
  const readers = [...ofDead, ...others].map((id) => new StreamReader(survivor.url, id));
  await waitFor(() => readers.every(({ events }) => events.length > 8), {
    describe: () => `all run\n${survivor.log()}`,
  });
  await first.kill();
  await waitFor(() => readers.every(({ isDone }) => isDone), {
    deadlineMs: 25_000,
    describe: () => `all end\n${survivor.log()}`,
  });
  const reasons = async (id: string) => {
    const record = await readRecord(first.databaseUrl, id);
    if (record === undefined) throw new Error('An execution is gone');
    await expectSound(record);
    return record.attempts.map(({ endReason }) => endReason);
  };
  for (const id of ofDead) expect(await reasons(id)).toEqual(['crashed', 'completed']);
  for (const id of others) expect(await reasons(id)).toEqual(['completed']);
  expect(await mostAtOnce(first.databaseUrl)).toBe(CONCURRENCY);
  for (const reader of readers) reader.close();
});
