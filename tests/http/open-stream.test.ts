import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { waitFor } from '../support/wait-for.ts';
import { ask } from './client.ts';
import { append, insertRunning, serveAlone, setStatus, type TestHttp } from './in-process.ts';
import { parseEvents } from './sse.ts';

const START = { type: 'start', messageId: 'answer' } as const;
const FINISH = { type: 'finish', finishReason: 'stop' } as const;
const COMPLETED = "status = 'completed', worker_id = NULL, finished_at = now(), last_seq = 2";

/** Collects what a stream says, and how it ended. */
function listen(url: string, headers: Record<string, string> = {}) {
  const controller = new AbortController();
  const heard = { text: '', end: undefined as 'clean' | 'cut' | undefined, leave: () => controller.abort() };
  void fetch(url, { headers, signal: controller.signal })
    .then(async (response) => {
      const decoder = new TextDecoder();
      for await (const part of response.body ?? [])
        heard.text += decoder.decode(part as Uint8Array, { stream: true });
      heard.end = 'clean';
    })
    .catch(() => {
      heard.end = 'cut';
    });
  return heard;
}

describe('an open stream', () => {
  let server: TestHttp;
  let execution: { id: string; no: number };
  let url: string;

  beforeEach(async () => {
    server = await serveAlone({ keepAliveMs: 20, pollMs: 200 });
    execution = await insertRunning(server.db);
    url = `${server.url}/executions/${execution.id}/stream`;
  });
  afterEach(() => server.dispose());

  const until = (probe: () => unknown, describe: string) => waitFor(probe, { describe });

  test('opens before the first row, and shows that it is alive', async () => {
    const heard = listen(url);
    await until(() => heard.text.split(': keep-alive\n\n').length > 3, 'three signs of life');
    expect(heard.text).toMatch(/^retry: 1000\n\n(: keep-alive\n\n)+$/);
    const lines = listen(url, { accept: 'application/x-ndjson' });
    await until(() => lines.text === '\n\n\n', 'three empty lines');
    await append(server, execution.no, 1, [START]);
    await until(() => heard.text.includes('id: 1\n'), 'the first row');
    heard.leave();
    lines.leave();
  });

  test('finds rows that nobody told it about', async () => {
    const heard = listen(url);
    await until(() => heard.text !== '', 'the opening');
    await append(server, execution.no, 1, [START], false);
    await append(server, execution.no, 2, [FINISH], false);
    await setStatus(server.db, execution.id, COMPLETED);
    await until(() => heard.end === 'clean', 'the end');
    expect(parseEvents(heard.text).map(({ id }) => id)).toEqual(['1', '2', undefined]);
  });

  test('has headers for a HEAD at once', async () => {
    const head = await ask(server.url, `/executions/${execution.id}/stream`, { method: 'HEAD' });
    expect(head).toMatchObject({
      status: 200,
      text: '',
      headers: { 'x-execution-status': 'running', 'x-stream-tail': '0' },
    });
  });

  test('goes with its client, and leaves nothing behind', async () => {
    const heard = [listen(url), listen(url), listen(`${url}?until=suspended`)];
    await until(() => server.recentRows.readers === 3, 'three readers');
    for (const each of heard) each.leave();
    await until(() => server.recentRows.readers === 0, 'no readers');
    const waiting = listen(`${server.url}/executions/${execution.id}/wait?timeoutMs=60000`);
    await until(() => server.recentRows.readers === 1, 'one that waits');
    waiting.leave();
    await until(() => server.recentRows.readers === 0, 'no readers');
  });

  test('is cut, never ended cleanly, when the server goes', async () => {
    const heard = listen(url);
    await append(server, execution.no, 1, [START]);
    await until(() => heard.text.includes('id: 1\n'), 'the first row');
    server.http.cutStreams();
    await until(() => heard.end, 'the end');
    expect(heard.end).toBe('cut');
    expect(heard.text).not.toContain('[DONE]');
  });

  test('stays open while a person is asked, unless it is to end then', async () => {
    await append(server, execution.no, 1, [START]);
    const [stays, ends] = [listen(url), listen(`${url}?until=suspended`)];
    await until(() => ends.text.includes('id: 1\n'), 'the first row');
    await append(server, execution.no, 2, [{ type: 'start-step' }]);
    await setStatus(
      server.db,
      execution.id,
      "status = 'suspended', worker_id = NULL, suspended_reason = 'approval'",
    );
    server.recentRows.publish(execution.no, []);
    await until(() => ends.end === 'clean', 'the end');
    expect(parseEvents(ends.text).slice(-3)).toEqual([
      { id: '2', data: '{"type":"start-step"}' },
      { id: undefined, data: '{"type":"finish","finishReason":"tool-calls"}' },
      { id: undefined, data: '[DONE]' },
    ]);
    expect([stays.end, stays.text.includes('[DONE]')]).toEqual([undefined, false]);
    stays.leave();
  });

  test('gives every row before it ends for a person', async () => {
    const row = [{ type: 'text-delta', id: 't', delta: 'x'.repeat(200_000) } as const];
    for (let seq = 1; seq <= 12; seq += 1) await append(server, execution.no, seq, row, false);
    await setStatus(
      server.db,
      execution.id,
      "status = 'suspended', worker_id = NULL, suspended_reason = 'question'",
    );
    // With connections at hand the status is known long before the last row is read.
    await Promise.all(Array.from({ length: 5 }, () => server.db.pool.query('SELECT pg_sleep(0.05)')));
    const heard = listen(`${url}?until=suspended`);
    await until(() => heard.end === 'clean', 'the end');
    expect(parseEvents(heard.text).map(({ id }) => id)).toEqual([
      ...Array.from({ length: 12 }, (_, i) => String(i + 1)),
      undefined,
      undefined,
    ]);
  });

  test('does not end for a wait that needs no person', async () => {
    await setStatus(
      server.db,
      execution.id,
      "status = 'suspended', worker_id = NULL, suspended_reason = 'timer'",
    );
    const heard = listen(`${url}?until=suspended`);
    await until(() => heard.text.includes(': keep-alive'), 'a pause');
    await append(server, execution.no, 1, [START]);
    await until(() => heard.text.includes('id: 1\n'), 'the first row');
    await append(server, execution.no, 2, [FINISH]);
    await until(() => heard.end === 'clean', 'the end');
    expect(heard.text).not.toContain('tool-calls');
  });

  test('reads no further for a client that does not read, and holds up nobody else', async () => {
    const row = [{ type: 'text-delta', id: 't', delta: 'x'.repeat(200_000) } as const];
    for (let seq = 1; seq <= 150; seq += 1) await append(server, execution.no, seq, row, false);
    const query = jest.spyOn(pg.Client.prototype, 'query');
    const pagesRead = () =>
      query.mock.calls.filter(([first]) => (first as { name?: string }).name === 'log-page').length;
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').pause();
    socket.write(`GET /executions/${execution.id}/stream HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    let steady = 0;
    let before = 0;
    // The kernel takes some megabytes; after that nothing moves.
    await until(() => {
      const pages = pagesRead();
      steady = pages > 0 && pages === before ? steady + 1 : 0;
      before = pages;
      return steady > 20;
    }, 'a stand-still');
    expect(pagesRead()).toBeLessThan(40);
    await append(server, execution.no, 151, [FINISH]);
    const other = listen(url);
    await until(() => other.end === 'clean', 'another reader');
    expect(parseEvents(other.text)).toHaveLength(152);
    socket.destroy();
    await until(() => server.recentRows.readers === 0, 'no readers');
    query.mockRestore();
  });

  test('is in pages of chunks that may end in the middle of a row', async () => {
    await append(server, execution.no, 1, [START, { type: 'start-step' }, { type: 'finish-step' }]);
    await append(server, execution.no, 4, [{ type: 'start-step' }, { type: 'finish-step' }, FINISH]);
    const page = async (after: number) =>
      (await ask(server.url, `/executions/${execution.id}/chunks?after=${after}&limit=2`)).json();
    const pages = [await page(0), await page(2), await page(4), await page(6)];
    expect(pages.map(({ data }) => data.map(({ seq }) => seq))).toEqual([[1, 2], [3, 4], [5, 6], []]);
    expect(pages.map(({ nextAfter }) => nextAfter)).toEqual([2, 4, 6, 6]);
    expect(pages[0]).toMatchObject({ lastSeq: 6, final: false });
  });

  test('that retention has removed is gone, but for who has all of it', async () => {
    await append(server, execution.no, 1, [START, FINISH]);
    await setStatus(server.db, execution.id, `${COMPLETED}, log_expired_at = now()`);
    await server.db.pool.query('DELETE FROM outlast.stream_chunks');
    const gone = await ask(server.url, `/executions/${execution.id}/stream?after=1`);
    const messageUrl = `/threads/${execution.id}/messages/answer`;
    expect(gone.json()).toMatchObject({ status: 410, code: 'log-expired', messageUrl });
    expect((await ask(server.url, `/executions/${execution.id}/stream`, { method: 'HEAD' })).status).toBe(
      410,
    );
    expect((await ask(server.url, `/executions/${execution.id}/chunks`)).json()).toMatchObject({
      status: 410,
      messageUrl,
    });
    expect((await ask(server.url, `/executions/${execution.id}/stream?after=2`)).text).toContain('[DONE]');
  });
});

describe('waiting for an execution', () => {
  let server: TestHttp;
  beforeEach(async () => {
    server = await serveAlone();
  });
  afterEach(() => server.dispose());

  test.each([
    ['completed', COMPLETED],
    ['suspended', "status = 'suspended', worker_id = NULL, suspended_reason = 'approval'"],
  ])('ends when it is %s', async (status, set) => {
    const { id, no } = await insertRunning(server.db);
    const waiting = ask(server.url, `/executions/${id}/wait?timeoutMs=60000`);
    await waitFor(() => server.recentRows.readers === 1, { describe: 'one that waits' });
    await setStatus(server.db, id, set);
    server.recentRows.publish(no, []);
    expect((await waiting).json()).toMatchObject({ id, status });
  });

  test('ends when the time is up, at once for 0', async () => {
    const { id } = await insertRunning(server.db);
    for (const timeoutMs of [0, 50]) {
      expect((await ask(server.url, `/executions/${id}/wait?timeoutMs=${timeoutMs}`)).json()).toMatchObject({
        status: 'running',
      });
    }
    expect(server.recentRows.readers).toBe(0);
  });
});
