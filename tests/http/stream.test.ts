import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uiMessageChunkSchema } from 'ai';
import { startServer, type TestServer } from '../support/server.ts';
import { type Answer, ask, run, start } from './client.ts';
import { parseEvents, readUntil, type StreamEvent } from './sse.ts';

describe('the stream of an execution', () => {
  let server: TestServer;
  let id: string;
  let whole: StreamEvent[];
  let tail: number;
  const stream = (query = '', headers: Record<string, string> = {}): Promise<Answer> =>
    ask(server.url, `/executions/${id}/stream${query}`, { headers });

  beforeAll(async () => {
    server = await startServer();
    ({ id } = await run(server.url, { input: 'think hm\nsay hello there\ncall add {"a":1,"b":2}' }));
    whole = parseEvents((await stream()).text);
    tail = whole.length - 1;
  });
  afterAll(() => server.dispose());

  test('numbers its rows from 1 without gaps, each a valid chunk, and ends with [DONE]', async () => {
    expect(whole.at(-1)).toEqual({ id: undefined, data: '[DONE]' });
    const rows = whole.slice(0, -1);
    expect(rows.map((row) => row.id)).toEqual(rows.map((_, i) => String(i + 1)));
    const schema = uiMessageChunkSchema();
    for (const row of rows)
      expect(await schema.validate?.(JSON.parse(row.data))).toMatchObject({ success: true });
    expect(JSON.parse(rows[0]?.data ?? '')).toMatchObject({
      type: 'start',
      messageMetadata: { executionId: id },
    });
    expect(JSON.parse(rows.at(-1)?.data ?? '')).toMatchObject({ type: 'finish' });
  });

  test('says first how soon to reconnect', async () => {
    expect((await stream()).text).toMatch(/^retry: 1000\n\nid: 1\ndata: /);
  });

  test('has all its headers, and HEAD has the same', async () => {
    const expected = {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-vercel-ai-ui-message-stream': 'v1',
      'x-execution-id': id,
      'x-workflow-run-id': id,
      'x-execution-status': 'completed',
      'x-stream-tail': String(tail),
      'x-workflow-stream-tail-index': String(tail - 1),
    };
    expect((await stream()).headers).toMatchObject(expected);
    const head = await ask(server.url, `/executions/${id}/stream`, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '', headers: expected });
  });

  test.each([
    ['after', '?after=3', {}, 3],
    ['startIndex', '?startIndex=3', {}, 3],
    ['Last-Event-ID', '', { 'last-event-id': '3' }, 3],
    ['Last-Event-ID before after', '?after=1', { 'last-event-id': '3' }, 3],
    ['after before startIndex', '?after=3&startIndex=1', {}, 3],
    ['an empty Last-Event-ID, which is none', '', { 'last-event-id': '' }, 0],
    ['a negative startIndex beyond the start', '?startIndex=-1000', {}, 0],
    ['0', '?after=0', {}, 0],
  ])('goes on after %s with the same bytes', async (_name, query, headers, after) => {
    expect(parseEvents((await stream(query, headers as Record<string, string>)).text)).toEqual(
      whole.slice(after),
    );
  });

  test('counts a negative startIndex back from the end', async () => {
    expect(parseEvents((await stream('?startIndex=-2')).text)).toEqual(whole.slice(tail - 2));
  });

  test('is over at once for who has everything, and tells an EventSource to stop', async () => {
    expect((await stream(`?after=${tail}`)).text).toBe('retry: 1000\n\ndata: [DONE]\n\n');
    const answer = await stream('', { 'last-event-id': String(tail) });
    expect([answer.status, answer.text]).toEqual([204, '']);
  });

  test('comes as lines of JSON for who asks for that', async () => {
    const answer = await stream('', { accept: 'application/x-ndjson' });
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = answer.text.split('\n').slice(0, -1);
    const rows = whole.slice(0, -1).map((row) => `{"seq":${row.id},"chunk":${row.data}}`);
    expect(lines).toEqual([...rows, '{"done":true}']);
    expect((await stream(`?after=${tail}`, { accept: 'application/x-ndjson' })).text).toBe('{"done":true}\n');
  });

  test.each([
    ['*/*', 'text/event-stream'],
    ['text/html', 'text/event-stream'],
    ['application/x-ndjson;q=0.1, text/event-stream', 'text/event-stream'],
    ['text/event-stream;q=0, */*', 'application/x-ndjson'],
  ])('answers Accept: %s with %s', async (accept, type) => {
    expect((await stream('', { accept })).headers['content-type']).toBe(type);
  });

  test('is the same for every reader, whenever and wherever they join', async () => {
    const live = await start(server.url, { input: 'stream 60 5' });
    const url = `${server.url}/executions/${live.id}/stream`;
    const early = fetch(url).then((response) => response.text());
    const first = await readUntil(url, {}, (text) => parseEvents(text).length >= 8);
    // What the last write cut off is not an event yet.
    const seen = parseEvents(first.slice(0, first.lastIndexOf('\n\n') + 2));
    const rest = await fetch(url, { headers: { 'last-event-id': seen.at(-1)?.id ?? '' } });
    const events = parseEvents(await early);
    expect([...seen, ...parseEvents(await rest.text())]).toEqual(events);
    expect(parseEvents(await (await fetch(url)).text())).toEqual(events);
    expect(events.at(-1)?.data).toBe('[DONE]');
  });

  test('can be had from the POST itself', async () => {
    const answer = await ask(server.url, '/executions', {
      body: { agentId: 'assistant', input: 'say hi' },
      headers: { accept: 'application/json;q=0.5, text/event-stream' },
    });
    const executionId = answer.headers['x-execution-id'] as string;
    expect(answer.headers['location']).toBe(`/executions/${executionId}`);
    expect(answer.status).toBe(200);
    const again = await ask(server.url, `/executions/${executionId}/stream`);
    expect(parseEvents(answer.text)).toEqual(parseEvents(again.text));
  });

  test('is in the chunks, page by page, too', async () => {
    const seen: unknown[] = [];
    for (let after = 0; ; ) {
      const page = (await ask(server.url, `/executions/${id}/chunks?after=${after}&limit=5`)).json();
      expect(page).toMatchObject({ lastSeq: tail, final: true });
      seen.push(...page.data.map(({ seq, chunk }) => ({ id: String(seq), data: JSON.stringify(chunk) })));
      after = page['nextAfter'] as number;
      if (after === tail) break;
    }
    expect(seen).toEqual(whole.slice(0, -1));
  });
});
