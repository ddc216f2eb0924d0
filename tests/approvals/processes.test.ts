import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PrivatePostgres } from '../crash/private-postgres.ts';
import { ask, start } from '../http/client.ts';
import { DeciderProcess } from '../support/decider-process.ts';
import {
  type ExecutionRecord,
  expectSound,
  readEffects,
  readRecord,
  withClient,
} from '../support/execution-record.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

const REFUND = 'call refund_order {"orderId":"A-1","amount":20}';
const SECOND_REFUND = 'call refund_order {"orderId":"B-2","amount":30}';
const BOTH_REFUNDED = 'done: [{"refunded":20,"orderId":"A-1"},{"refunded":30,"orderId":"B-2"}]';
const env = { LOG_LEVEL: 'warn' };

interface Waiting {
  id: string;
  approvals: { id: string; tool_call_id: string }[];
}

/** Starts an execution and waits until it has asked, and is so as said. */
async function startWaiting(server: TestServer, databaseUrl: string, script: string, status = 'suspended') {
  const { id } = await start(server.url, { agentId: 'operator', input: script });
  return waitFor(() => findWaiting(databaseUrl, id, status), {
    deadlineMs: 25_000,
    describe: () => `${id} to ask\n${server.log()}`,
  });
}

function findWaiting(databaseUrl: string, id: string, status: string): Promise<Waiting | undefined> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ id: string; tool_call_id: string }>(
      `SELECT a.id, a.tool_call_id FROM outlast.approvals a JOIN outlast.workflow_executions e ON e.id = a.execution_id
       WHERE e.id = $1 AND e.status = $2 AND a.status = 'pending' ORDER BY a.created_at, a.id`,
      [id, status],
    );
    return rows.length > 0 ? { id, approvals: rows } : undefined;
  });
}

/** A hundred executions, taken by both servers. */
async function startMany(servers: readonly TestServer[], script: string): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < 100) {
    const accepted = servers.map(({ url }) => start(url, { agentId: 'operator', input: script }));
    ids.push(...(await Promise.all(accepted)).map(({ id }) => id));
  }
  return ids;
}

/** Waits until all are so, and gives what each of them asks. */
function waitForAll(databaseUrl: string, ids: readonly string[], status: string): Promise<Waiting[]> {
  return withClient(databaseUrl, (client) =>
    waitFor(
      async () => {
        const { rows } = await client.query<Waiting>(
          `SELECT e.id, json_agg(json_build_object('id', a.id, 'tool_call_id', a.tool_call_id) ORDER BY a.created_at, a.id)
             AS approvals
           FROM outlast.workflow_executions e JOIN outlast.approvals a ON a.execution_id = e.id
           WHERE e.id = ANY($1) AND e.status = $2 GROUP BY e.id`,
          [ids, status],
        );
        return rows.length === ids.length ? rows : undefined;
      },
      { deadlineMs: 60_000, describe: `${ids.length} executions to be ${status}` },
    ),
  );
}

function approve(server: TestServer, { id, approvals }: Waiting, which = 0) {
  const path = `/executions/${id}/approvals/${approvals[which]?.tool_call_id}`;
  return ask(server.url, path, {
    body: { approved: true },
    headers: { 'idempotency-key': `${id}-${which}` },
  });
}

/** Waits for the end, and gives all that is stored. */
async function finished(databaseUrl: string, id: string): Promise<ExecutionRecord> {
  const isOver = async () => {
    const found = await readRecord(databaseUrl, id);
    return found?.status === 'completed' ? found : undefined;
  };
  const record = await waitFor(isOver, { deadlineMs: 25_000, describe: `the end of ${id}` });
  await expectSound(record);
  return record;
}

function lastText({ message }: ExecutionRecord): string {
  const parts = (message?.parts ?? []) as { type: string; text?: string }[];
  return parts.findLast(({ type }) => type === 'text')?.text ?? '';
}

describe('with two servers', () => {
  let database: TestDatabase;
  let servers: [TestServer, TestServer];

  beforeAll(async () => {
    database = await createTestDatabase();
    const options = { databaseUrl: database.url, env };
    servers = [await startServer(options), await startServer(options)];
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.dispose()));
    await database.drop();
  });

  test('100 times two approvals of one turn are decided in both at once: each execution goes on, once', async () => {
    const [here, there] = servers;
    const ids = await startMany(servers, `${REFUND}\n${SECOND_REFUND}`);
    const waiting = await waitForAll(database.url, ids, 'suspended');
    // A pair after the other, five pairs at a time: the two of a pair leave together.
    for (let at = 0; at < waiting.length; at += 5) {
      const pairs = waiting
        .slice(at, at + 5)
        .flatMap((one) => [approve(here, one, 0), approve(there, one, 1)]);
      const answers = await Promise.all(pairs);
      expect(answers.map(({ status }) => status)).toEqual(pairs.map(() => 200));
    }
    await waitForAll(database.url, ids, 'completed');
    for (const id of ids) {
      const record = await finished(database.url, id);
      expect(lastText(record)).toBe(BOTH_REFUNDED);
      expect(record.attempts.map(({ endReason }) => endReason)).toEqual(['suspended', 'completed']);
      const effects = await Promise.all(servers.map(({ dataDir }) => readEffects(dataDir, id)));
      expect(effects.flat()).toHaveLength(2);
    }
  }, 120_000);

  test('a decision between the question and the wait for it spares the wait', async () => {
    const [here, there] = servers;
    const script = `call slow_report {"seconds":4,"name":"n"}\n${REFUND}`;
    const waiting = await startWaiting(here, database.url, script, 'running');
    expect((await approve(there, waiting)).status).toBe(200);
    const record = await finished(database.url, waiting.id);
    expect(lastText(record)).toBe('done: [{"report":"n","pages":3},{"refunded":20,"orderId":"A-1"}]');
    expect(record.attempts.map(({ endReason }) => endReason)).toEqual(['completed']);
  });

  test('input that was edited in a process that ends right after is what runs, and what the model is told', async () => {
    const [here] = servers;
    const decider = await DeciderProcess.start(database.url, 'agents');
    try {
      const { id, approvals } = await startWaiting(here, database.url, REFUND);
      const request = { decision: 'approve', input: { orderId: 'A-1', amount: 7 } } as const;
      const answer = await decider.decide(approvals[0]?.id ?? '', request);
      expect(answer).toMatchObject({
        status: 200,
        approval: { status: 'approved', editedInput: request.input },
      });
      await decider.dispose();
      expect(lastText(await finished(database.url, id))).toBe('done: [{"refunded":7,"orderId":"A-1"}]');
      const effects = await Promise.all(servers.map(({ dataDir }) => readEffects(dataDir, id)));
      expect(effects.flat()).toMatchObject([{ input: request.input }]);
    } finally {
      await decider.dispose();
    }
  });
});

describe('a restart of Postgres', () => {
  let postgres: PrivatePostgres;
  let server: TestServer;

  beforeEach(async () => {
    postgres = await PrivatePostgres.start();
    server = await startServer({ databaseUrl: postgres.url, env });
  });

  afterEach(async () => {
    await server.dispose();
    await postgres.dispose();
  });

  test.each(['SIGINT', 'SIGQUIT'] as const)(
    'after %s, while an execution waits, changes nothing of what it waits for',
    async (signal) => {
      const waiting = await startWaiting(server, postgres.url, REFUND);
      await postgres.stop(signal);
      await postgres.start();
      // Whoever decides may be told to come again while the server finds Postgres again.
      await waitFor(async () => (await approve(server, waiting)).status === 200, {
        describe: 'the decision',
      });
      const record = await finished(postgres.url, waiting.id);
      expect(lastText(record)).toBe('done: [{"refunded":20,"orderId":"A-1"}]');
      expect(await readEffects(server.dataDir, waiting.id)).toHaveLength(1);
    },
  );

  test.each(['SIGINT', 'SIGQUIT'] as const)(
    'after %s, while ten are decided, loses no decision and makes none twice',
    async (signal) => {
      const executions = await Promise.all(
        Array.from({ length: 10 }, () => startWaiting(server, postgres.url, REFUND)),
      );
      const restarted = postgres.stop(signal).then(() => postgres.start());
      const decided = Promise.all(
        executions.map((one) =>
          waitFor(async () => (await approve(server, one)).status === 200, {
            deadlineMs: 25_000,
            describe: () => `a decision\n${server.log()}`,
          }),
        ),
      );
      await Promise.all([restarted, decided]);
      for (const { id } of executions) {
        const record = await finished(postgres.url, id);
        expect(lastText(record)).toBe('done: [{"refunded":20,"orderId":"A-1"}]');
        expect(record.attempts.map(({ endReason }) => endReason)).toEqual(['suspended', 'completed']);
        expect(await readEffects(server.dataDir, id)).toHaveLength(1);
      }
      await expectDecidedOnce(postgres.url);
    },
    60_000,
  );
});

async function expectDecidedOnce(databaseUrl: string): Promise<void> {
  const histories = await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ kinds: string[] }>(
      'SELECT array_agg(kind ORDER BY id) AS kinds FROM outlast.approval_events GROUP BY approval_id',
    );
    return rows.map(({ kinds }) => kinds);
  });
  expect(histories).toEqual(histories.map(() => ['requested', 'approved']));
}
