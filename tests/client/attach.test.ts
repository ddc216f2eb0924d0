import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createOutlastClient, type ThreadEvent } from '../../packages/client/src/index.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { HURRIED } from './hurried.ts';

const SCRIPTS = ['say one', 'think hm\ncall lookup_order {"orderId":"o1"}\n---\nsay two'];

describe('threads.attach', () => {
  let server: TestServer;
  let proxy: CuttingProxy;
  const direct = () => createOutlastClient({ baseUrl: server.url });

  /** What an attached client is told until the last of the executions is over. */
  async function attachTo(threadId: string, cursor: string, fates: CuttingProxy['fates']) {
    proxy.fates = fates;
    proxy.streams.length = 0;
    const controller = new AbortController();
    const client = createOutlastClient({ baseUrl: proxy.url, environment: HURRIED });
    const events: ThreadEvent[] = [];
    const read = (async () => {
      for await (const event of client.threads.attach(threadId, { cursor, signal: controller.signal }))
        events.push(event);
    })();
    await waitFor(
      () =>
        events.some((each) => each.type === 'chunk' && each.ordinal === 2 && each.chunk.type === 'finish') &&
        (cursor !== '0.0' || fates.length === 0 || proxy.streams.length > 1),
      { describe: () => `the end: ${JSON.stringify(events.at(-1))}` },
    );
    controller.abort();
    await read;
    return events;
  }
  const chunksOf = (events: ThreadEvent[]) => events.filter((event) => event.type === 'chunk');

  beforeAll(async () => {
    server = await startServer();
    proxy = await openCuttingProxy(server.url);
  });
  afterAll(async () => {
    await proxy.close();
    await server.dispose();
  });

  test('tells every row of every execution once and in order, wherever it is cut', async () => {
    for (const input of SCRIPTS) {
      const { execution } = await direct().executions.start({ threadId: 't', agentId: 'operator', input });
      await direct().executions.wait(execution.id);
    }
    const whole = chunksOf(await attachTo('t', '0.0', []));
    const ordinals = whole.map(({ ordinal }) => ordinal);
    expect(ordinals).toEqual(ordinals.toSorted((a, b) => a - b));
    for (const ordinal of [1, 2]) {
      const seqs = whole.filter((each) => each.ordinal === ordinal).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    }
    for (let cutAfter = 0; cutAfter < whole.length; cutAfter++) {
      const events = await attachTo('t', '0.0', [{ cutAfter }]);
      expect([cutAfter, chunksOf(events)]).toEqual([cutAfter, whole]);
      expect(events.filter(({ type }) => type === 'reset')).toEqual([]);
    }
    const middle = whole[4];
    expect(chunksOf(await attachTo('t', middle?.cursor ?? '', []))).toEqual(whole.slice(5));
  }, 60_000);

  test('says so when what its cursor points into is gone', async () => {
    const wait = 'call ask_person {"question":"q"}';
    const { execution } = await direct().executions.start({
      threadId: 'r',
      agentId: 'operator',
      input: wait,
    });
    await direct().executions.wait(execution.id);
    const controller = new AbortController();
    const events: ThreadEvent[] = [];
    const attached = direct().threads.attach('r', { cursor: '7.3', signal: controller.signal });
    for await (const event of attached) {
      events.push(event);
      if (event.type === 'chunk') controller.abort();
    }
    expect(events.slice(-2)).toMatchObject([{ type: 'reset' }, { type: 'chunk', cursor: '1.1' }]);
  });

  test('gives up where there is no thread, and at a cursor that is none', async () => {
    const first = (id: string, cursor: string) => direct().threads.attach(id, { cursor }).next();
    await expect(first('nowhere', '0.0')).rejects.toMatchObject({ code: 'not-found' });
    await expect(first('t', 'x')).rejects.toThrow('cursor');
  });
});
