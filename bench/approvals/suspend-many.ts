import pg from 'pg';
import type { TestServer } from '../../tests/support/server.ts';
import { waitFor } from '../../tests/support/wait-for.ts';

/** Requests that are under way at once. */
const AT_ONCE = 16;
/** Executions that are started before it is waited for them: more would only wait for a slot. */
const BATCH = 500;
const BATCH_DEADLINE_MS = 120_000;
const REFUND = 'say I would pay this back.\ncall refund_order {"orderId": "A-1", "amount": 20}';

/**
 * Starts executions that ask for a refund, each in a thread of its own, until all of them wait.
 * @param range how many were suspended before, and are to be afterwards
 * @returns the ids of the new ones
 */
export async function suspendMany(
  server: TestServer,
  { from, until }: { from: number; until: number },
  progress: (suspended: number) => void,
): Promise<string[]> {
  const ids: string[] = [];
  while (from + ids.length < until) {
    const batch = Math.min(BATCH, until - from - ids.length);
    ids.push(...(await startMany(server.url, batch, { agentId: 'operator', input: REFUND })));
    await untilSuspended(server, from + ids.length);
    progress(from + ids.length);
  }
  return ids;
}

async function startMany(url: string, count: number, body: object): Promise<string[]> {
  const ids: string[] = [];
  let left = count;
  const startNext = async () => {
    while (left-- > 0) ids.push(await startOne(url, body));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, startNext));
  return ids;
}

async function startOne(url: string, body: object): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/executions`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { execution: { id: string } }).execution.id;
}

async function untilSuspended(server: TestServer, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  const probe = async () => {
    const { rowCount } = await client.query(
      "SELECT 1 FROM outlast.workflow_executions WHERE status = 'suspended' OFFSET $1 - 1 LIMIT 1",
      [count],
    );
    return rowCount === 1;
  };
  try {
    await waitFor(probe, { deadlineMs: BATCH_DEADLINE_MS, describe: `${count} suspended executions` });
  } finally {
    await client.end();
  }
}
