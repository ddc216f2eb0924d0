import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask } from '../http/client.ts';
import { withClient } from '../support/execution-record.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

const CONNECTIONS = 4;

let server: TestServer;
let blocker: pg.Client;

beforeEach(async () => {
  server = await startServer({
    env: { DATABASE_POOL_SIZE: String(CONNECTIONS), WORKER_HEARTBEAT_MS: '100', LOG_LEVEL: 'fatal' },
  });
  blocker = new pg.Client({ connectionString: server.databaseUrl });
  await blocker.connect();
});

afterEach(async () => {
  await blocker.end();
  await server.dispose();
});

/** How many statements of the server wait for a lock, and when its lease was renewed last. */
async function look(): Promise<{ waiting: number; renewedAt: Date }> {
  return withClient(server.databaseUrl, async (client) => {
    const { rows } = await client.query<{ waiting: number; renewedAt: Date }>(`
      SELECT (SELECT count(*)::int FROM pg_stat_activity
              WHERE application_name = 'outlast' AND wait_event_type = 'Lock'
                AND datname = current_database()) AS waiting,
             (SELECT heartbeat_at FROM outlast.workers) AS "renewedAt"`);
    return rows[0] as { waiting: number; renewedAt: Date };
  });
}

test('a lease is renewed while every connection for work waits for a lock', async () => {
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE outlast.threads IN ACCESS EXCLUSIVE MODE');
  const requests = Promise.allSettled(
    Array.from({ length: 4 * CONNECTIONS }, () =>
      ask(server.url, '/executions', { body: { agentId: 'assistant', input: 'say hello' } }),
    ),
  );
  const blocked = await waitFor(
    async () => {
      const seen = await look();
      return seen.waiting === CONNECTIONS ? seen : undefined;
    },
    { describe: 'a pool whose connections all wait' },
  );
  const later = await waitFor(
    async () => {
      const seen = await look();
      return seen.renewedAt > blocked.renewedAt ? seen : undefined;
    },
    // The requests hold the pool for longer: each gives its connection to the next after two seconds.
    { deadlineMs: 1500, describe: 'a renewal' },
  );
  expect(later.waiting).toBe(CONNECTIONS);
  await blocker.query('ROLLBACK');
  await requests;
});
