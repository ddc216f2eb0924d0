import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { InboxReader, insertApproval } from '../support/inbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask } from './client.ts';
import { serveAlone, type TestHttp } from './in-process.ts';

let server: TestHttp;

beforeEach(async () => {
  server = await serveAlone({ keepAliveMs: 20 });
});
afterEach(() => server.dispose());

test('the stream begins with how many are pending, and says that it is still there', async () => {
  await insertApproval(server.db);
  await insertApproval(server.db, { ownerId: 'ann', approvers: ['local'] });
  await insertApproval(server.db, { status: 'denied' });
  let headers: IncomingHttpHeaders = {};
  const reader = new InboxReader(server.url, (response) => {
    headers = response.headers;
  });
  await waitFor(() => reader.text.includes(': keep-alive\n\n'), { describe: 'a sign of life' });
  expect(reader.text).toMatch(/^retry: 1000\n\nevent: snapshot\ndata: {"pending":2}\n\n: keep-alive\n\n/);
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  reader.close();
  await waitFor(() => server.http.openStreams === 0, { describe: 'no open stream' });
});

test('the stream takes no filter', async () => {
  expect((await ask(server.url, '/approvals/stream?status=pending')).json()).toMatchObject({
    code: 'bad-query',
  });
});

test('a client that takes nothing is cut off, and another is not held up', async () => {
  const { hostname, port } = new URL(server.url);
  const stuck = connect({ host: hostname, port: Number(port) }).on('error', () => undefined);
  stuck.pause();
  stuck.write('GET /approvals/stream HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const reader = new InboxReader(server.url);
  await waitFor(() => reader.hasBegun && server.http.openStreams === 2, { describe: 'two readers' });
  const inserted: string[] = [];
  // Until there is more than the sockets in between hold.
  const insertOne = async () => {
    inserted.push(await insertApproval(server.db, { input: { note: 'x'.repeat(400_000) } }));
    return server.http.openStreams === 1;
  };
  await waitFor(insertOne, { describe: 'one reader less', deadlineMs: 30_000 });
  const last = await insertApproval(server.db);
  await waitFor(() => reader.of(last).length === 1, { describe: 'the last one' });
  expect(reader.changes.map(({ id }) => id)).toEqual([...inserted, last]);
  stuck.destroy();
  reader.close();
});
