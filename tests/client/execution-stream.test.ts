import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createOutlastClient, type LogRow, OutlastProblem } from '../../packages/client/src/index.ts';
import { start } from '../http/client.ts';
import { foldOneByOne } from '../support/fold-one-by-one.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { HURRIED } from './hurried.ts';

const SCRIPT = 'think hm\nsay one moment\ncall add {"a":1,"b":2}\ncall get_time {}\n---\nsay that is all';

describe('executions.stream', () => {
  let server: TestServer;
  let proxy: CuttingProxy;
  let id: string;
  let whole: LogRow[];
  const client = () => createOutlastClient({ baseUrl: proxy.url, environment: HURRIED });
  const readAll = async (options: Parameters<ReturnType<typeof client>['executions']['stream']>[1] = {}) => {
    const rows: LogRow[] = [];
    for await (const row of client().executions.stream(id, options)) rows.push(row);
    return rows;
  };

  beforeAll(async () => {
    server = await startServer();
    proxy = await openCuttingProxy(server.url);
    const started = await client().executions.start({ agentId: 'assistant', input: SCRIPT });
    id = started.execution.id;
    expect((await client().executions.wait(id)).status).toBe('completed');
    whole = await readAll();
  });
  beforeEach(() => {
    proxy.fates = [];
    proxy.streams.length = 0;
  });
  afterAll(async () => {
    await proxy.close();
    await server.dispose();
  });

  test('gives every row once and in order, and ends with the execution', () => {
    expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, index) => index + 1));
    expect(whole.at(-1)?.chunk.type).toBe('finish');
  });

  test('goes on where it was, wherever it is cut', async () => {
    const message = await foldOneByOne(whole.map(({ chunk }) => chunk));
    for (let cutAfter = 0; cutAfter <= whole.length; cutAfter++) {
      proxy.fates = [{ cutAfter }];
      proxy.streams.length = 0;
      const rows = await readAll();
      expect([cutAfter, rows]).toEqual([cutAfter, whole]);
      expect(proxy.streams[1]).toContain(`after=${cutAfter}`);
      expect(await foldOneByOne(rows.map(({ chunk }) => chunk))).toEqual(message);
    }
  });

  test('gets through a network that lets one row pass at a time', async () => {
    proxy.fates = whole.map(() => ({ cutAfter: 1 }));
    expect(await readAll()).toEqual(whole);
    expect(proxy.streams).toHaveLength(whole.length + 1);
  });

  test('goes on through a server that is busy, draining or not there', async () => {
    proxy.fates = [
      { status: 429, headers: { 'retry-after': '0' }, body: { code: 'rate-limited' } },
      { cutAfter: 2 },
      { status: 503, body: { code: 'draining' } },
      { status: 502 },
      { cutAfter: 'request' },
    ];
    expect(await readAll()).toEqual(whole);
    expect(proxy.streams).toHaveLength(6);
  });

  test.each([
    [410, 'log-expired', { messageUrl: '/threads/t/messages/m' }],
    [404, 'not-found', {}],
    [401, 'unauthenticated', {}],
  ])('gives up at once at %i', async (status, code, extra) => {
    proxy.fates = [{ cutAfter: 3 }, { status, headers: { 'x-request-id': 'r1' }, body: { code, ...extra } }];
    const failure = await readAll().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OutlastProblem);
    expect(failure).toMatchObject({ status, code, requestId: 'r1', body: extra });
    expect(proxy.streams).toHaveLength(2);
  });

  test('begins after a cursor, and is over at once for who has everything', async () => {
    expect(await readAll({ after: 4 })).toEqual(whole.slice(4));
    expect(await readAll({ after: whole.length })).toEqual([]);
    await expect(readAll({ after: whole.length + 1 })).rejects.toMatchObject({ code: 'bad-cursor' });
  });

  test('ends quietly when it is aborted, also while it waits to try again', async () => {
    proxy.fates = [{ cutAfter: 2 }];
    const controller = new AbortController();
    const slow = createOutlastClient({ baseUrl: proxy.url, environment: { random: () => 1 } });
    const rows: LogRow[] = [];
    const onState = (state: string) => {
      if (state === 'offline') controller.abort();
    };
    for await (const row of slow.executions.stream(id, { signal: controller.signal, onState }))
      rows.push(row);
    expect(rows).toEqual(whole.slice(0, 2));
  });

  test('reads on over the death and the restart of the server', async () => {
    const live = await start(server.url, { input: 'stream 60 20' });
    const direct = createOutlastClient({ baseUrl: server.url, environment: HURRIED });
    const rows: LogRow[] = [];
    for await (const row of direct.executions.stream(live.id)) {
      rows.push(row);
      if (row.seq === 12) {
        await server.kill();
        await server.start();
      }
    }
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
    const { threadId, messageId } = await direct.executions.get(live.id);
    const stored = await direct.threads.message(threadId, messageId);
    const folded = await foldOneByOne(rows.map(({ chunk }) => chunk));
    expect(JSON.parse(JSON.stringify(folded.parts))).toEqual(stored.parts);
  });
});
