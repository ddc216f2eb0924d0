import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
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

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startServer({ databaseUrl: database.url, env: { LOG_LEVEL: 'warn' } });
});

afterAll(async () => {
  await server.dispose();
  await database.drop();
});

interface StoredApproval {
  id: string;
  tool_call_id: string;
  kind: string;
  status: string;
}

function approvalsOf(executionId: string): Promise<StoredApproval[]> {
  return withClient(database.url, async (client) => {
    const { rows } = await client.query<StoredApproval>(
      'SELECT id, tool_call_id, kind, status FROM outlast.approvals WHERE execution_id = $1 ORDER BY created_at, id',
      [executionId],
    );
    return rows;
  });
}

async function startWaiting(script: string): Promise<{ id: string; calls: string[] }> {
  const { id } = await start(server.url, { agentId: 'operator', input: script });
  await waitForStatus(id, 'suspended');
  return { id, calls: (await approvalsOf(id)).map((approval) => approval.tool_call_id) };
}

async function record(id: string): Promise<ExecutionRecord> {
  const found = await readRecord(database.url, id);
  if (found === undefined) throw new Error(`There is no execution ${id}`);
  return found;
}

async function waitForStatus(id: string, status: string): Promise<void> {
  await waitFor(async () => (await record(id)).status === status, {
    describe: () => `${id} to be ${status}\n${server.log()}`,
  });
}

function decide(id: string, call: string | undefined, body: object, base = server.url) {
  return ask(base, `/executions/${id}/approvals/${call}`, { body });
}

/** Waits for the end, and gives what the model says of the results. */
async function finished(id: string): Promise<string> {
  await waitForStatus(id, 'completed');
  const whole = await record(id);
  await expectSound(whole);
  const texts = (whole.message?.parts ?? []) as { type: string; text?: string }[];
  return texts.findLast(({ type }) => type === 'text')?.text ?? '';
}

describe('an execution that waits for a person', () => {
  test('refunds once when that is approved', async () => {
    const { id, calls } = await startWaiting(REFUND);
    expect(await readEffects(server.dataDir, id)).toEqual([]);
    const answer = await decide(id, calls[0], { approved: true, reason: 'of course' });
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'approved', executionId: id, reason: 'of course' });
    expect(await finished(id)).toBe('done: [{"refunded":20,"orderId":"A-1"}]');
    expect(await readEffects(server.dataDir, id)).toMatchObject([{ tool: 'refund_order' }]);
    expect((await record(id)).attempts.map(({ endReason }) => endReason)).toEqual(['suspended', 'completed']);
  });

  test('does not refund when that is denied, and the model is told why', async () => {
    const { id, calls } = await startWaiting(REFUND);
    await decide(id, calls[0], { approved: false, reason: 'not this one' });
    expect(await finished(id)).toBe('done: [{"denied":"not this one"}]');
    expect(await readEffects(server.dataDir, id)).toEqual([]);
    const second = await decide(id, calls[0], { approved: true });
    expect(second.status).toBe(409);
    expect(second.json()).toMatchObject({ code: 'already-decided', approval: { status: 'denied' } });
  });

  test('takes several rounds, with one log over all of them', async () => {
    const { id, calls } = await startWaiting(`${REFUND}\n---\n${REFUND.replace('20', '30')}`);
    await decide(id, calls[0], { approved: true });
    await waitFor(async () => (await approvalsOf(id)).length === 2, { describe: 'the second question' });
    const [, second] = await approvalsOf(id);
    await decide(id, second?.tool_call_id, { approved: true });
    expect(await finished(id)).toContain('"refunded":30');
    expect(await readEffects(server.dataDir, id)).toHaveLength(2);
  });

  test.each([
    ['first to last', [0, 1]],
    ['last to first', [1, 0]],
  ])('goes on once with all results when two of three calls are decided from %s', async (_, order) => {
    const script = `call lookup_order {"orderId":"A-1"}\n${REFUND}\n${REFUND.replace('20', '30')}`;
    const { id, calls } = await startWaiting(script);
    expect((await record(id)).calls.map(({ status }) => status)).toEqual(['completed', 'pending', 'pending']);
    for (const i of order) {
      expect((await record(id)).status).toBe('suspended');
      const answer = await decide(id, calls[i], { approved: i === 0, reason: 'so be it' });
      expect(answer.status).toBe(200);
    }
    const text = await finished(id);
    expect(JSON.parse(text.replace('done: ', ''))).toEqual([
      { orderId: 'A-1', item: 'Desk lamp', amount: 49.9, status: 'delivered' },
      { refunded: 20, orderId: 'A-1' },
      { denied: 'so be it' },
    ]);
    expect((await record(id)).attempts).toHaveLength(2);
    expect(await readEffects(server.dataDir, id)).toHaveLength(1);
  });

  test('lets a stream end that only goes on until then, with every row that there is', async () => {
    const { id, calls } = await startWaiting(REFUND);
    const { text } = await ask(server.url, `/executions/${id}/stream?until=suspended`);
    const { log } = await record(id);
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq))).toEqual(
      log.map(({ seq }) => seq),
    );
    expect(text).toContain('data: {"type":"finish","finishReason":"tool-calls"}\n\ndata: [DONE]');
    await decide(id, calls[0], { approved: true });
    await finished(id);
  });

  test('answers a repeated request with the same key with the first answer', async () => {
    const { id, calls } = await startWaiting(REFUND);
    const options = { headers: { 'idempotency-key': 'once' }, body: { approved: true } };
    const path = `/executions/${id}/approvals/${calls[0]}`;
    const [first, again] = [await ask(server.url, path, options), await ask(server.url, path, options)];
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json()).toEqual(first.json());
    await finished(id);
  });

  test('does not tell a question by its call, nor anything of what is not there', async () => {
    const { id, calls } = await startWaiting('call ask_person {"question":"Which?"}');
    const answer = await decide(id, calls[0], { approved: true });
    expect(answer.json()).toMatchObject({ status: 422, code: 'decision-not-applicable' });
    expect((await record(id)).status).toBe('suspended');
    for (const call of ['gone', 'a%00b', '%20'])
      expect((await decide(id, call, { approved: true })).status).toBe(404);
  });
});

describe('outlasts the death of its process', () => {
  test('while it is suspended: decided after the restart, it goes on', async () => {
    const { id, calls } = await startWaiting(REFUND);
    await server.kill();
    await server.start();
    expect((await record(id)).status).toBe('suspended');
    await decide(id, calls[0], { approved: true });
    expect(await finished(id)).toBe('done: [{"refunded":20,"orderId":"A-1"}]');
    expect(await readEffects(server.dataDir, id)).toHaveLength(1);
  });

  test('right after the 200 of the decision', async () => {
    const { id, calls } = await startWaiting(REFUND);
    expect((await decide(id, calls[0], { approved: true })).status).toBe(200);
    await server.kill();
    await server.start();
    await waitFor(
      async () => {
        const [asked, unknown] = await approvalsOf(id);
        // It died while the refund was made: that is a question for a person, and not a second refund.
        if (unknown?.status === 'pending') await decide(id, asked?.tool_call_id, { approved: false });
        return (await record(id)).status === 'completed';
      },
      { describe: () => `the end\n${server.log()}` },
    );
    await expectSound(await record(id));
    expect((await readEffects(server.dataDir, id)).length).toBeLessThanOrEqual(1);
  });

  test('when it is decided in another process that runs nothing, while nobody else is alive', async () => {
    const { id, calls } = await startWaiting(REFUND);
    const env = { OUTLAST_ROLE: 'api', LOG_LEVEL: 'warn' };
    const other = await startServer({ databaseUrl: database.url, env });
    try {
      await server.kill();
      expect((await decide(id, calls[0], { approved: true }, other.url)).status).toBe(200);
      expect((await record(id)).status).toBe('queued');
      await server.start();
      expect(await finished(id)).toBe('done: [{"refunded":20,"orderId":"A-1"}]');
    } finally {
      await other.dispose();
    }
  });
});

describe('a time to decide that is over', () => {
  let impatient: TestServer;

  beforeAll(async () => {
    const env = { OUTLAST_AGENTS_DIR: 'tests/approvals/fixtures/impatient', LOG_LEVEL: 'warn' };
    impatient = await startServer({ databaseUrl: database.url, env });
    await server.stop();
  });

  afterAll(() => impatient.dispose());

  test('is decided as its tool says, also when every process was down when it came', async () => {
    const { id } = await start(impatient.url, { agentId: 'impatient', input: 'call act {}' });
    expect(await finished(id)).toMatch(/^done: \[\{"denied":".*expired.*"\}\]$/);
    const { id: late } = await start(impatient.url, { agentId: 'impatient', input: 'call wait {}' });
    await waitForStatus(late, 'suspended');
    await impatient.kill();
    await withClient(database.url, (client) =>
      client.query(
        "UPDATE outlast.approvals SET expires_at = now() - interval '1 minute' WHERE execution_id = $1",
        [late],
      ),
    );
    await impatient.start();
    expect(await finished(late)).toBe('done: ["acted"]');
    expect(await approvalsOf(late)).toMatchObject([{ status: 'approved' }]);
  });
});
