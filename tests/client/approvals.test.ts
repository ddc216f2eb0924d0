import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createOutlastClient, type InboxEvent } from '../../packages/client/src/index.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { HURRIED } from './hurried.ts';

describe('approvals', () => {
  let server: TestServer;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    server = await startServer();
    proxy = await openCuttingProxy(server.url);
  });
  afterAll(async () => {
    await proxy.close();
    await server.dispose();
  });

  test('are told of, listed and decided, over a cut of the stream', async () => {
    const client = createOutlastClient({ baseUrl: proxy.url, environment: HURRIED });
    const controller = new AbortController();
    const events: InboxEvent[] = [];
    const read = (async () => {
      for await (const event of client.approvals.stream({ signal: controller.signal })) events.push(event);
    })();
    await waitFor(() => events.length === 1, { describe: 'the snapshot' });
    expect(events).toEqual([{ type: 'snapshot', pending: 0 }]);
    const input = 'call refund_order {"orderId":"o1","amount":5}\n---\nsay done';
    const { execution } = await client.executions.start({ agentId: 'operator', input });
    await waitFor(() => events.some(({ type }) => type === 'approval'), { describe: 'the question' });
    const [asked] = (await client.approvals.list({ executionId: execution.id })).data;
    expect(events.at(-1)).toMatchObject({ type: 'approval', approval: { id: asked?.id, status: 'pending' } });
    proxy.cutAll();
    await waitFor(() => events.at(-1)?.type === 'snapshot', { describe: 'another connection' });
    expect(events.at(-1)).toEqual({ type: 'snapshot', pending: 1 });
    await client.approvals.decide(asked?.id ?? '', { decision: 'approve' }, { idempotencyKey: 'k' });
    await waitFor(() => events.at(-1)?.type === 'approval', { describe: 'the decision' });
    expect(events.at(-1)).toMatchObject({ approval: { id: asked?.id, status: 'approved' } });
    expect((await client.executions.wait(execution.id)).status).toBe('completed');
    controller.abort();
    await read;
  });
});
