import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, run, start } from './client.ts';
import { parseEvents } from './sse.ts';

describe('threads', () => {
  let server: TestServer;
  const get = async (path: string) => (await ask(server.url, path)).json();

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.dispose());

  test('have their messages in order, and a preview of the last one', async () => {
    const first = await run(server.url, { input: 'say one', threadId: 'order' });
    const second = await run(server.url, { input: `say ${'é😀'.repeat(100)}`, threadId: 'order' });
    const { data, nextCursor, streamCursor } = await get('/threads/order/messages');
    expect(data).toMatchObject([
      { id: first['inputMessageId'], role: 'user', metadata: { executionId: first.id, status: 'complete' } },
      {
        id: first['messageId'],
        role: 'assistant',
        parts: [{ type: 'step-start' }, { type: 'text', text: 'one' }],
      },
      { id: second['inputMessageId'], role: 'user' },
      {
        id: second['messageId'],
        role: 'assistant',
        metadata: { executionId: second.id, status: 'complete' },
      },
    ]);
    expect([nextCursor, streamCursor]).toEqual([null, `2.${String(second['lastSeq'])}`]);
    expect(await get('/threads/order')).toMatchObject({
      status: 'idle',
      activeExecutionId: null,
      agentId: 'assistant',
      lastMessagePreview: 'é😀'.repeat(60),
    });
    expect(await get(`/threads/order/messages/${String(second['messageId'])}`)).toEqual(data[3]);
  });

  test.each(['asc', 'desc'])('give their messages page by page, %s', async (order) => {
    const whole = (await get(`/threads/order/messages?order=${order}`)).data;
    const found: unknown[] = [];
    for (let cursor = ''; ; ) {
      const page = await get(`/threads/order/messages?order=${order}&limit=3${cursor}`);
      found.push(...page.data);
      if (page['nextCursor'] === null) break;
      cursor = `&cursor=${page['nextCursor'] as string}`;
    }
    expect(found).toEqual(whole);
    expect(whole).toHaveLength(4);
  });

  test('show what is being written, up to the row that they name', async () => {
    const { id, messageId } = await start(server.url, { input: 'stream 400 10', threadId: 'live' });
    const waiting = await start(server.url, { input: 'say later', threadId: 'live' });
    expect(waiting).toMatchObject({ status: 'queued', segment: 0, blockedBy: id, ordinal: 2 });
    const snapshot = await waitFor(
      async () => {
        const page = await get('/threads/live/messages');
        const text = JSON.stringify(page.data[1] ?? '');
        return text.includes('w5') ? page : undefined;
      },
      { describe: 'some words of the active message' },
    );
    expect(snapshot.data).toMatchObject([
      { role: 'user' },
      { id: messageId, role: 'assistant', metadata: { executionId: id, status: 'active' } },
      { id: waiting['inputMessageId'], role: 'user' },
    ]);
    const [ordinal, seq] = String(snapshot['streamCursor']).split('.').map(Number);
    expect(ordinal).toBe(1);
    expect(await get('/threads/live')).toMatchObject({ status: 'running', activeExecutionId: id });
    const without = await get('/threads/live/messages?omitActive=true');
    expect(without.data.map((message) => message['id'])).not.toContain(messageId);
    expect(without['streamCursor']).toBe('1.0');
    expect(await get(`/threads/live/messages/${String(messageId)}`)).toMatchObject({
      metadata: { status: 'active' },
    });

    // The snapshot is exactly the log up to that row.
    const events = parseEvents((await ask(server.url, `/executions/${id}/stream`)).text);
    const upTo = events.slice(0, seq).map((event) => JSON.parse(event.data) as Chunk);
    const folded = await foldChunks(upTo, String(messageId));
    expect(snapshot.data[1]?.['parts']).toEqual(JSON.parse(JSON.stringify(folded.parts)));
  });

  test('go on with what waits, and then stand still', async () => {
    await waitFor(async () => (await get('/threads/live'))['status'] === 'idle', {
      describe: 'an idle thread',
    });
    expect((await get('/threads/live/messages')).data).toHaveLength(4);
    // Whoever ended the one before it started it: no healer had to find it.
    const { data } = await get('/executions?threadId=live');
    expect(data.map(({ segment, attempt }) => [segment, attempt])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test('that are busy refuse who asks for that', async () => {
    const { id } = await start(server.url, { input: 'stream 20 10', threadId: 'busy' });
    const body = { agentId: 'assistant', input: 'say x', threadId: 'busy', onBusy: 'reject' };
    const refused = (await ask(server.url, '/executions', { body })).json();
    expect(refused).toMatchObject({ status: 409, code: 'thread-busy', executionId: id });
    expect(
      (await get('/threads/busy/messages')).data.filter((message) => message['role'] === 'user'),
    ).toHaveLength(1);
  });

  test('remember their agent', async () => {
    await run(server.url, { input: 'say one', threadId: 'agent', agentId: 'operator' });
    const answer = await ask(server.url, '/executions', { body: { input: 'say two', threadId: 'agent' } });
    expect(answer.json()['execution']).toMatchObject({ agentId: 'operator' });
  });
});
