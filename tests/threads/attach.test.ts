import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, run, start } from '../http/client.ts';
import { parseEvents } from '../http/sse.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { ThreadReader, type WireEvent } from '../support/thread-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const AGENTS = fileURLToPath(new URL('fixtures', import.meta.url));

let server: TestServer;
const readers: ThreadReader[] = [];

beforeAll(async () => {
  server = await startServer({ env: { OUTLAST_AGENTS_DIR: AGENTS } });
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await server?.dispose();
});

function attach(threadId: string, after?: string): ThreadReader {
  const reader = new ThreadReader(server.url, threadId, after === undefined ? {} : { after });
  readers.push(reader);
  return reader;
}

async function makeThread(id: string): Promise<void> {
  expect((await ask(server.url, '/threads', { body: { id } })).status).toBe(201);
}

async function post(
  threadId: string,
  body: object,
): Promise<{ message: { id: string }; execution: { id: string } }> {
  const answer = await ask(server.url, `/threads/${threadId}/messages`, { body });
  expect([answer.status, answer.text]).toEqual([202, expect.any(String)]);
  return answer.json() as never;
}

/** The log of an execution as its own stream has it, with the ids that a thread's stream gives. */
async function logOf(ordinal: number, executionId: string): Promise<{ id: string; data: string }[]> {
  const { text } = await ask(server.url, `/executions/${executionId}/stream`);
  return parseEvents(text).flatMap(({ id, data }) =>
    id === undefined ? [] : [{ id: `${ordinal}.${id}`, data }],
  );
}

describe('attaching to a thread', () => {
  test('waits while it is idle, and goes on past the end of each execution', async () => {
    await makeThread('idle');
    const reader = attach('idle');
    const first = await post('idle', { text: 'stream 5 5', agentId: 'assistant' });
    await told(reader, first.execution.id, 'completed');
    const second = await post('idle', { text: 'say two' });
    await told(reader, second.execution.id, 'completed');
    expect(reader.connections).toBe(1);
    expect(reader.chunks).toEqual([
      ...(await logOf(1, first.execution.id)),
      ...(await logOf(2, second.execution.id)),
    ]);
    expect(
      reader.named<{ message: { id: string } }>('thread-message').map(({ message }) => message.id),
    ).toEqual([first.message.id, second.message.id]);
    // Whoever looks late finds the newest status only, and none that was before it.
    const statuses = reader.statuses(first.execution.id);
    expect(statuses.at(-1)).toBe('completed');
    expect(['queued', 'running', 'completed'].filter((each) => statuses.includes(each))).toEqual(statuses);
  });

  test('begins with what runs, its message, and what waits, when there is no cursor', async () => {
    const old = await run(server.url, { input: 'say old', threadId: 'begin' });
    const { id } = await start(server.url, { input: 'stream 100 20', threadId: 'begin' });
    const waiting = await start(server.url, { input: 'say later', threadId: 'begin' });
    await waitFor(async () => (await logLength(id)) > 5, { describe: 'some rows' });
    const reader = attach('begin');
    await told(reader, waiting.id, 'completed');
    expect(reader.chunks).toEqual([...(await logOf(2, id)), ...(await logOf(3, waiting.id))]);
    expect(reader.events.slice(0, 4).map(({ name }) => name)).toEqual([
      'thread-message',
      'execution',
      'thread-message',
      'execution',
    ]);
    expect(reader.statuses(old.id)).toEqual([]);
    expect(reader.statuses(id)).toEqual(['running', 'completed']);
    // Promotion is a change, too: its turn has come.
    expect(reader.statuses(waiting.id).at(-1)).toBe('completed');
  });

  test('with nothing running and no cursor brings what comes, not what was', async () => {
    await run(server.url, { input: 'say old', threadId: 'quiet' });
    const reader = attach('quiet');
    const { execution } = await post('quiet', { text: 'say new' });
    await told(reader, execution.id, 'completed');
    expect(reader.chunks).toEqual(await logOf(2, execution.id));
  });

  test('with the cursor of a snapshot brings all that the snapshot has not', async () => {
    const { id } = await start(server.url, { input: 'stream 60 20', threadId: 'snapshot' });
    await waitFor(async () => (await logLength(id)) > 5, { describe: 'some rows' });
    const paths = ['', '?omitActive=true'].map((query) => `/threads/snapshot/messages${query}`);
    const cursors = await Promise.all(
      paths.map(async (path) => String((await ask(server.url, path)).json()['streamCursor'])),
    );
    for (const cursor of cursors) {
      const reader = attach('snapshot', cursor);
      await told(reader, id, 'completed');
      expect(reader.chunks).toEqual((await logOf(1, id)).slice(Number(cursor.split('.')[1])));
      expect(reader.named('thread-message')).toEqual([]);
    }
    expect(cursors[1]).toBe('1.0');
  });

  test('tells of every change of an execution that waits for a person, and of the approval', async () => {
    await makeThread('gated');
    const reader = attach('gated');
    const { execution } = await post('gated', {
      text: 'call refund_order {"orderId":"7","amount":3}',
      agentId: 'operator',
    });
    await told(reader, execution.id, 'suspended');
    const late = attach('gated');
    const [approval] = await waitFor(
      () => (late.named('approval').length > 0 ? late.named('approval') : undefined),
      {
        describe: () => JSON.stringify(late.events),
      },
    );
    expect(approval).toMatchObject({
      status: 'pending',
      executionId: execution.id,
      toolName: 'refund_order',
    });
    const path = `/executions/${execution.id}/approvals/${String(approval?.['toolCallId'])}`;
    expect((await ask(server.url, path, { body: { approved: true } })).status).toBe(200);
    for (const each of [reader, late]) {
      await told(each, execution.id, 'completed');
      expect(each.chunks).toEqual(await logOf(1, execution.id));
      expect(each.named('approval').map(({ status }) => status)).toEqual(['pending', 'approved']);
    }
    const statuses = reader.statuses(execution.id);
    expect(statuses.slice(0, 3)).toEqual(['queued', 'running', 'suspended']);
    // That it waits is told after the rows that it waits with, and the end after the last row.
    const names = reader.events.map(({ name, data }) =>
      name === 'execution' ? JSON.parse(data).status : name,
    );
    const requested = reader.events.findIndex(({ data }) => data.includes('"tool-approval-request"'));
    expect(names.indexOf('suspended')).toBeGreaterThan(requested);
    expect(names.at(-1)).toBe('completed');
  });

  test('tells of an answer that left the history, now and to who comes back', async () => {
    await makeThread('again');
    const reader = attach('again');
    const { message, execution } = await post('again', { text: 'fail error', agentId: 'failing' });
    await told(reader, execution.id, 'failed');
    const cursor = reader.chunks.at(-3)?.id;
    const answer = await ask(server.url, `/executions/${execution.id}/retry`, { body: {} });
    const { id } = answer.json()['execution'] as { id: string };
    const back = attach('again', String(cursor));
    for (const each of [reader, back]) {
      await told(each, id, 'failed');
      expect(each.named('history')).toEqual([{ afterMessageId: message.id }]);
      const at = each.events.findIndex(({ name }) => name === 'history');
      const after = each.events
        .slice(at)
        .flatMap(({ id: chunkId, data }) => (chunkId ? [{ id: chunkId, data }] : []));
      expect(after).toEqual(await logOf(2, id));
    }
    // What left the history is of no use to who comes back.
    expect(back.chunks[0]?.id).toBe('2.1');
    expect(reader.chunks).toEqual([...(await logOf(1, execution.id)), ...(await logOf(2, id))]);
  });

  test('tells of an edit, and goes on with the new answer after the end of the old one', async () => {
    await makeThread('edit');
    const reader = attach('edit');
    const { execution } = await post('edit', { id: 'm', text: 'stream 2000 10', agentId: 'assistant' });
    const waiting = await post('edit', { id: 'later', text: 'say later' });
    await waitFor(() => reader.chunks.length > 5, { describe: 'some chunks' });
    const cursor = String(reader.chunks[3]?.id);
    const answer = await ask(server.url, '/threads/edit/messages/m', {
      method: 'PUT',
      body: { text: 'say edited' },
    });
    const { id } = answer.json()['execution'] as { id: string };
    const back = attach('edit', cursor);
    await told(reader, id, 'completed');
    await told(back, id, 'completed');
    const [old, edited] = [await logOf(1, execution.id), await logOf(3, id)];
    expect(reader.chunks).toEqual([...old, ...edited]);
    expect(back.chunks).toEqual(edited);
    expect(reader.statuses(execution.id).at(-1)).toBe('cancelled');
    expect(reader.statuses(waiting.execution.id).at(-1)).toBe('cancelled');
    for (const each of [reader, back]) {
      const named = each.events.filter(({ name }) => name === 'history' || name === 'thread-message');
      expect(named.slice(-2).map(({ name, data }) => [name, data])).toMatchObject([
        ['history', '{"afterMessageId":"m"}'],
        ['thread-message', expect.stringContaining('say edited')],
      ]);
    }
    // The change of the history comes after the end of what it drops, and before what takes its place.
    const at = (what: (event: WireEvent) => boolean) => reader.events.findIndex(what);
    const history = at(({ name }) => name === 'history');
    expect(history).toBeGreaterThan(at(({ id }) => id === old.at(-1)?.id));
    expect(history).toBeLessThan(at(({ id }) => id === '3.1'));
  });

  test('tells who comes back of a message that was edited, or added, and then answered again', async () => {
    await makeThread('twice');
    const { execution } = await post('twice', { id: 'm', text: 'say one', agentId: 'assistant' });
    await ask(server.url, `/executions/${execution.id}/wait`);
    const path = '/threads/twice/messages/m';
    await ask(server.url, path, { method: 'PUT', body: { text: 'say two' } });
    const answer = await ask(server.url, `${path}/regenerate`, { method: 'POST' });
    const { id } = answer.json()['execution'] as { id: string };
    for (const cursor of ['0.0', '1.3']) {
      const back = attach('twice', cursor);
      await told(back, id, 'completed');
      const log = await logOf(3, id);
      await waitFor(() => back.chunks.length >= log.length, { describe: 'the last chunk' });
      expect(back.chunks).toEqual(log);
      const named = back.events.filter(({ name }) => name === 'history' || name === 'thread-message');
      expect(named.map(({ name, data }) => [name, data])).toMatchObject([
        ['thread-message', expect.stringContaining('say two')],
        ['history', '{"afterMessageId":"m"}'],
      ]);
    }
  });

  test('ends with [DONE] when the thread is deleted, whatever it was doing', async () => {
    await makeThread('deleted');
    const idle = attach('deleted');
    await waitFor(() => idle.connections === 1, { describe: 'a connection' });
    const { execution } = await post('deleted', { text: 'stream 2000 10', agentId: 'assistant' });
    const busy = attach('deleted');
    await waitFor(() => busy.chunks.length > 3, { describe: 'some chunks' });
    expect((await ask(server.url, '/threads/deleted', { method: 'DELETE' })).status).toBe(204);
    await Promise.all([idle.done, busy.done]);
    expect([idle.isDone, busy.isDone, idle.connections, busy.connections]).toEqual([true, true, 1, 1]);
    expect((await ask(server.url, `/executions/${execution.id}`)).status).toBe(404);
    expect((await ask(server.url, '/threads/deleted/stream')).status).toBe(404);
  });

  test.each(['7.1', '1.4000', '0.5'])(
    'takes a cursor into what is not there (%s) for none',
    async (cursor) => {
      const threadId = `gone-${cursor}`;
      await run(server.url, { input: 'say old', threadId });
      const reader = attach(threadId, cursor);
      const { execution } = await post(threadId, { text: 'say new' });
      await told(reader, execution.id, 'completed');
      expect(reader.chunks).toEqual(await logOf(2, execution.id));
    },
  );

  test.each(['1', '1.2.3', '-1.1', 'a.b', '1.-1', '1.2 '])('refuses %j as a cursor', async (cursor) => {
    const path = `/threads/idle/stream?after=${encodeURIComponent(cursor)}`;
    for (const method of ['GET', 'HEAD']) expect((await ask(server.url, path, { method })).status).toBe(400);
    expect((await ask(server.url, path)).json()).toMatchObject({ code: 'bad-cursor' });
  });

  test('is a 404 where there is no such thread', async () => {
    const answer = await ask(server.url, '/threads/nowhere/stream');
    expect(answer.json()).toMatchObject({ status: 404, code: 'not-found' });
  });

  test('gives lines of JSON to whoever would rather have them', async () => {
    const { id } = await run(server.url, { input: 'say lines', threadId: 'lines' });
    const response = await fetch(`${server.url}/threads/lines/stream?after=0.0`, {
      headers: { accept: 'application/x-ndjson' },
    });
    let text = '';
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(part).toString();
      if (text.includes('"type":"finish"')) break;
    }
    const lines = text.split('\n').filter((line) => line !== '');
    const chunks = lines.filter((line) => line.startsWith('{"ordinal"')).map((line) => JSON.parse(line));
    const log = await logOf(1, id);
    expect(chunks).toEqual(log.map(({ data }, i) => ({ ordinal: 1, seq: i + 1, chunk: JSON.parse(data) })));
    expect(lines.map((line) => JSON.parse(line).event)).toContain('execution');
  });
});

async function told(reader: ThreadReader, executionId: string, status: string): Promise<void> {
  await waitFor(() => reader.statuses(executionId).includes(status), {
    describe: () => `${status} among ${JSON.stringify(reader.events)}`,
  });
}

async function logLength(executionId: string): Promise<number> {
  return Number((await ask(server.url, `/executions/${executionId}`)).json()['lastSeq']);
}
