import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { arm, expectDeath, startKillable } from '../crash/recovery-run.ts';
import { ask, start } from '../http/client.ts';
import { countRows } from '../http/row-counts.ts';
import { scrape } from '../metrics/scrape.ts';
import { withClient } from '../support/execution-record.ts';
import { type ReceivedRequest, startReceiver, type TestReceiver } from '../support/receiver.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { SECRET, verify } from './world.ts';

/** What happens when a notification arrives; each test has its own. */
let onRequest: (request: ReceivedRequest) => void = () => undefined;
let status = 204;
let receiver: TestReceiver;
let server: TestServer;

beforeAll(async () => {
  receiver = await startReceiver((res, _, request) => {
    onRequest(request);
    res.writeHead(status).end();
  });
  server = await startKillable({
    env: {
      OUTLAST_NOTIFY_URL: `${receiver.url}/hook?token=hush`,
      OUTLAST_NOTIFY_SECRET: SECRET,
      OUTLAST_NOTIFY_ALLOW_PRIVATE: 'true',
      MAINTENANCE_INTERVAL_MS: '100',
      LOG_LEVEL: 'trace',
    },
  });
});

afterEach(() => {
  onRequest = () => undefined;
  status = 204;
});

afterAll(async () => {
  await server.dispose();
  await receiver.close();
});

/** What has arrived about an execution, verified. */
function arrived(executionId: string): { id: string; type: string; data: Record<string, unknown> }[] {
  return receiver.requests
    .map((request) => verify(request) as { id: string; type: string; data: Record<string, unknown> })
    .filter(({ data }) => data['id'] === executionId || data['executionId'] === executionId);
}

const typesOf = (executionId: string) => arrived(executionId).map(({ type }) => type);

async function arrives(executionId: string, type: string, times = 1): Promise<void> {
  await waitFor(() => typesOf(executionId).filter((each) => each === type).length >= times, {
    describe: () =>
      `${type} for the ${times}th time after ${typesOf(executionId).join()}\n${server.log().slice(-4000)}`,
  });
}

async function askForRefund(): Promise<{ id: string; path: string }> {
  const input = 'call refund_order {"orderId":"A-1","amount":5}';
  const { id } = await start(server.url, { agentId: 'operator', input });
  await arrives(id, 'approval.requested');
  const toolCallId = String(arrived(id)[0]?.data['toolCallId']);
  return { id, path: `/executions/${id}/approvals/${toolCallId}` };
}

const notificationsOf = async (executionId: string) =>
  (await ask(server.url, `/notifications?executionId=${executionId}`)).json().data;

/** Everything of it is delivered, and DBOS has no workflow of a try that nobody will go on with. */
async function isAllDelivered(executionId: string): Promise<void> {
  await waitFor(
    async () => (await notificationsOf(executionId)).every((one) => one['status'] === 'delivered'),
    {
      describe: 'all to be delivered',
    },
  );
  await waitFor(
    () =>
      withClient(server.databaseUrl, async (client) => {
        const { rowCount } = await client.query(
          `SELECT 1 FROM dbos.workflow_status WHERE name = 'deliverNotification' AND status = 'PENDING'`,
        );
        return rowCount === 0;
      }),
    { describe: 'no workflow to be left' },
  );
}

describe('a server that somebody wants to be told by', () => {
  test('tells of a question, its answer and the end, and shows what it told', async () => {
    const { id, path } = await askForRefund();
    await ask(server.url, path, { body: { approved: true } });
    await arrives(id, 'execution.completed');
    await isAllDelivered(id);
    expect(typesOf(id).sort()).toEqual(['approval.decided', 'approval.requested', 'execution.completed']);
    const told = await notificationsOf(id);
    const idsOf = (all: readonly { id?: unknown }[]) => new Set(all.map(({ id: one }) => one));
    expect(idsOf(told)).toEqual(idsOf(arrived(id)));
    const [newest] = told;
    const details = (await ask(server.url, `/notifications/${String(newest?.['id'])}`)).json();
    expect(details).toMatchObject({ ...newest, deliveries: [{ no: 1, statusCode: 204, error: null }] });
    expect(details['payload']).toEqual(arrived(id).find(({ id: one }) => one === newest?.['id']));
    expect(newest).not.toHaveProperty('payload');
    const list = async (query: string) =>
      (await ask(server.url, `/notifications?${query}`)).json().data.map(({ type }) => type);
    expect(await list(`executionId=${id}&type=execution.completed`)).toEqual(['execution.completed']);
    expect(await list(`executionId=${id}&status=failed`)).toEqual([]);
    const approvalId = String(told.find(({ type }) => type === 'approval.decided')?.['approvalId']);
    expect(await list(`approvalId=${approvalId}`)).toEqual(['approval.decided', 'approval.requested']);
    const { value } = await scrape(server.url);
    expect(value('outlast_notification_deliveries_total{outcome="delivered"}')).toBeGreaterThanOrEqual(3);
  });

  test('sends one again when it is asked to, once for each key', async () => {
    status = 410;
    const { id } = await start(server.url, { input: 'say hello' });
    await arrives(id, 'execution.completed');
    const first = await waitFor(
      async () => (await notificationsOf(id)).find((one) => one['status'] === 'failed'),
      { describe: 'the failure' },
    );
    status = 204;
    const path = `/notifications/${String(first['id'])}/resend`;
    const headers = { 'idempotency-key': `again ${id}` };
    const answer = await ask(server.url, path, { method: 'POST', headers });
    expect(answer.status).toBe(202);
    expect(answer.json()).toMatchObject({ id: first['id'], status: 'pending' });
    await arrives(id, 'execution.completed', 2);
    await isAllDelivered(id);
    const replay = await ask(server.url, path, { method: 'POST', headers });
    expect([replay.status, replay.headers['idempotency-replayed']]).toEqual([202, 'true']);
    expect(await notificationsOf(id)).toMatchObject([{ status: 'delivered', tries: 2 }]);
    expect(arrived(id)[1]).toEqual(arrived(id)[0]);
  });

  test('writes no secret into its log', () => {
    expect(server.log()).toContain('notification.delivered');
    for (const secret of [SECRET, SECRET.slice('whsec_'.length), 'hush']) {
      expect(server.log()).not.toContain(secret);
    }
  });

  test('sends it again, with the same id, if it is killed while the receiver has it', async () => {
    const killing = new Promise<void>((resolve) => {
      onRequest = () => {
        onRequest = () => undefined;
        server.signal('SIGKILL');
        resolve();
      };
    });
    const { id } = await start(server.url, { input: 'say hello' });
    await killing;
    await server.exited();
    await server.start();
    await arrives(id, 'execution.completed', 2);
    await isAllDelivered(id);
    expect(arrived(id)[1]).toEqual(arrived(id)[0]);
    const [told] = await notificationsOf(id);
    const { deliveries } = (await ask(server.url, `/notifications/${String(told?.['id'])}`)).json();
    expect(deliveries).toMatchObject([
      { no: 2, statusCode: 204, error: null },
      { no: 1, statusCode: null, error: 'nobody knows whether it arrived', durationMs: null },
    ]);
  });

  test('sends it again if it is killed before it has written down that it arrived', async () => {
    const { id, path } = await askForRefund();
    await isAllDelivered(id);
    await arm(server, {
      event: 'commit',
      matches: 'update "outlast"."notifications".*"delivered"',
      moment: 'before',
    });
    await ask(server.url, path, { body: { approved: false } });
    await expectDeath(server);
    await server.start();
    await arrives(id, 'execution.completed');
    await isAllDelivered(id);
    expect(new Set(arrived(id).map(({ id: one }) => one)).size).toBe(3);
    expect(typesOf(id).filter((type) => type === 'approval.decided').length).toBeGreaterThanOrEqual(1);
    expect(arrived(id).length).toBeGreaterThan(3);
  });

  test('tells of a decision although it is killed right after its answer', async () => {
    const { id, path } = await askForRefund();
    await isAllDelivered(id);
    await arm(server, { event: 'answer', matches: '^200$', moment: 'after' });
    const answer = await ask(server.url, path, { body: { approved: true } });
    expect(answer.status).toBe(200);
    await expectDeath(server);
    await server.start();
    await arrives(id, 'approval.decided');
    await arrives(id, 'execution.completed');
    await isAllDelivered(id);
    expect(arrived(id).find(({ type }) => type === 'approval.decided')?.data).toEqual(answer.json());
  });

  test('sends at its next start what it did not get to', async () => {
    await arm(server, { event: 'statement', matches: 'tries = n.tries', moment: 'before' });
    const { id } = await start(server.url, { input: 'say hello' });
    await expectDeath(server);
    expect(arrived(id)).toEqual([]);
    await server.start();
    await arrives(id, 'execution.completed');
  });

  test('finishes a delivery before it ends', async () => {
    const { id } = await start(server.url, { input: 'say hello' });
    await arrives(id, 'execution.completed');
    expect(await server.stop()).toBe(0);
    await server.start();
    await isAllDelivered(id);
    expect(typesOf(id)).toEqual(['execution.completed']);
  });
});

describe('a server that nobody wants to be told by', () => {
  test('writes nothing, and sends nothing again', async () => {
    const off = await startServer();
    const { id } = await start(off.url, {
      agentId: 'operator',
      input: 'call refund_order {"orderId":"A-1","amount":5}',
    });
    await waitFor(async () => (await countRows(off.databaseUrl))['approvals'] === 1, {
      describe: 'the question',
    });
    await start(off.url, { input: 'say hello' }).then((other) =>
      ask(off.url, `/executions/${other.id}/wait`),
    );
    const counts = await countRows(off.databaseUrl);
    expect([counts['notifications'], counts['notification_deliveries']]).toEqual([0, 0]);
    await withClient(off.databaseUrl, (client) =>
      client.query(
        `INSERT INTO outlast.notifications (id, tenant_id, owner_id, type, execution_id, body, status, ended_at)
         VALUES ($1, 'default', 'local', 'execution.failed', $1, '{}', 'failed', now())`,
        [id],
      ),
    );
    const answer = await ask(off.url, `/notifications/${id}/resend`, { method: 'POST' });
    expect(answer.json()).toMatchObject({ status: 409, code: 'notifications-off' });
    expect((await ask(off.url, `/notifications/${id}`)).json()).toMatchObject({ status: 'failed' });
    await off.dispose();
  });
});

test('a private address is refused unless it is allowed', async () => {
  const closed = await startServer({
    env: { OUTLAST_NOTIFY_URL: `http://localhost:${receiver.port}`, OUTLAST_NOTIFY_SECRET: SECRET },
  });
  const before = receiver.requests.length;
  const { id } = await start(closed.url, { input: 'say hello' });
  const failed = await waitFor(
    async () => (await ask(closed.url, `/notifications?status=failed&executionId=${id}`)).json().data[0],
    { describe: 'the failure' },
  );
  const details = (await ask(closed.url, `/notifications/${String(failed['id'])}`)).json();
  expect(details['deliveries']).toMatchObject([{ error: 'address-refused', statusCode: null }]);
  expect(receiver.requests).toHaveLength(before);
  await closed.dispose();
});
