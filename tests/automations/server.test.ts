import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

type Row = Record<string, unknown> & { id: string };

describe('an automation on a server', () => {
  let server: TestServer;
  let sql: pg.Client;

  beforeAll(async () => {
    server = await startServer({ env: { OUTLAST_AGENTS_DIR: 'tests/threads/fixtures' } });
    sql = new pg.Client({ connectionString: server.databaseUrl });
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await server.dispose();
  });

  async function make(fields: object): Promise<string> {
    const trigger = { type: 'event', name: 'never' };
    const answer = await ask(server.url, '/automations', {
      body: { name: 'test', agentId: 'assistant', input: 'say hello', trigger, ...fields },
    });
    expect(answer.text).toContain('"id"');
    return String(answer.json()['id']);
  }

  async function fire(id: string): Promise<Row> {
    return (await ask(server.url, `/automations/${id}/fire`, { method: 'POST' })).json()['firing'] as Row;
  }

  async function executions(id: string): Promise<Row[]> {
    return (await ask(server.url, `/executions?automationId=${id}`)).json().data.reverse() as Row[];
  }

  async function firings(id: string): Promise<Row[]> {
    return (await ask(server.url, `/automations/${id}/firings?limit=200`)).json().data.reverse() as Row[];
  }

  test('fires each due time once, and each runs', async () => {
    const trigger = { type: 'schedule', cron: '* * * * * *' };
    const id = await make({ trigger, concurrency: { max: 50 } });
    await waitFor(async () => (await firings(id)).length >= 4, { describe: 'four firings' });
    await ask(server.url, `/automations/${id}/pause`, { method: 'POST' });
    const fired = await firings(id);
    const times = fired.map(({ scheduledFor }) => Date.parse(String(scheduledFor)));
    expect(times).toEqual(times.map((_, i) => Number(times[0]) + i * 1000));
    expect(fired.every(({ status, count }) => status === 'fired' && count === 1)).toBe(true);
    await waitFor(async () => (await executions(id)).every(({ status }) => status === 'completed'), {
      describe: 'all to complete',
    });
    expect((await executions(id)).map(({ id: executionId }) => executionId).sort()).toEqual(
      fired.map(({ executionId }) => String(executionId)).sort(),
    );
  });

  test('tries again after a failure, with executions that are linked, and is paused when that happens too often', async () => {
    const id = await make({ agentId: 'failing', input: 'fail error', maxAttempts: 2, pauseAfterFailures: 1 });
    const { id: firingId } = await fire(id);
    const failed = await waitFor(async () => (await firings(id)).find(({ status }) => status === 'failed'), {
      describe: 'the firing to fail',
    });
    const [first, second, ...others] = await executions(id);
    expect(others).toEqual([]);
    expect(failed).toMatchObject({ id: firingId, reason: 'model-error', executionId: second?.id });
    expect(second).toMatchObject({ retryOf: first?.id, threadId: first?.['threadId'], source: 'automation' });
    expect((await ask(server.url, `/automations/${id}`)).json()).toMatchObject({
      enabled: false,
      pausedReason: 'failures',
    });
  });

  test('starts what waited as soon as there is a place', async () => {
    const id = await make({ input: 'stream 5 20', concurrency: { max: 1, onBusy: 'enqueue' } });
    await Promise.all(Array.from({ length: 4 }, () => fire(id)));
    await waitFor(async () => (await firings(id)).every(({ status }) => status === 'fired'), {
      describe: 'all to be fired',
    });
    const { rows } = await sql.query<{ overlap: number }>(
      `SELECT count(*)::int AS overlap FROM outlast.workflow_executions a JOIN outlast.workflow_executions b
         ON b.automation_id = a.automation_id AND b.id > a.id AND b.created_at < a.finished_at
       WHERE a.automation_id = $1`,
      [id],
    );
    expect(rows[0]?.overlap).toBe(0);
    await waitFor(async () => (await executions(id)).every(({ status }) => status === 'completed'), {
      describe: 'all to complete',
    });
  });

  const REFUND = 'call refund_order {"orderId": "o1", "amount": 1}\ncall ask_person {"question": "Sure?"}';

  test('asks in the inbox by default', async () => {
    const id = await make({ agentId: 'operator', input: REFUND });
    const { executionId } = await fire(id);
    const suspended = await ask(server.url, `/executions/${String(executionId)}/wait`);
    expect(suspended.json()).toMatchObject({ status: 'suspended', suspendedReason: 'approval' });
    const asked = (await ask(server.url, `/approvals?executionId=${String(executionId)}`)).json().data;
    expect(asked.map(({ kind }) => String(kind)).sort()).toEqual(['approval', 'question']);
    expect((await fire(id))['reason']).toBe('busy');
    await ask(server.url, `/executions/${String(executionId)}/cancel`, { method: 'POST' });
    const cancelled = await waitFor(
      async () => (await firings(id)).find(({ reason }) => reason === 'cancelled'),
      { describe: 'the cancel to be noted' },
    );
    expect(cancelled).toMatchObject({ status: 'fired' });
  });

  test('denies what it is not to ask about, and goes on', async () => {
    const id = await make({ agentId: 'operator', input: REFUND, approvalPolicy: 'deny' });
    const { executionId } = await fire(id);
    const path = `/executions/${String(executionId)}`;
    const execution = (await ask(server.url, `${path}/wait`)).json();
    expect(execution).toMatchObject({ status: 'completed', segment: 1 });
    const asked = (
      await ask(server.url, `/approvals?status=denied&executionId=${String(executionId)}`)
    ).json().data;
    expect(asked.map(({ kind, decidedBy }) => `${String(kind)} by ${String(decidedBy)}`).sort()).toEqual([
      'approval by policy',
      'question by policy',
    ]);
    const { rows } = await sql.query('SELECT status FROM outlast.tool_calls WHERE execution_id = $1', [
      executionId,
    ]);
    expect(rows).toEqual([{ status: 'denied' }, { status: 'denied' }]);
    const written = await ask(
      server.url,
      `/audit?action=approval.decided&executionId=${String(executionId)}`,
    );
    const details = { decision: 'denied', isEdited: false };
    const entry = { actorKind: 'system', actor: 'policy', threadId: execution['threadId'], details };
    expect(written.json().data).toMatchObject(
      ['ask_person', 'refund_order'].map((toolName) => ({ ...entry, details: { toolName, ...details } })),
    );
    const chunks = (await ask(server.url, `${path}/chunks`))
      .json()
      .data.map(({ chunk }) => chunk as { type: string });
    expect(chunks.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['tool-approval-request', 'tool-approval-response', 'tool-output-denied']),
    );
    const message = await ask(
      server.url,
      `/threads/${String(execution['threadId'])}/messages/${String(execution['messageId'])}`,
    );
    expect(message.text).toContain('Denied by policy');
  });
});
