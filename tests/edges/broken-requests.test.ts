import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask } from '../http/client.ts';
import { append, insertRunning, serveAlone, type TestHttp } from '../http/in-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { lastAnswer, openRawSocket, sendRaw } from './raw-socket.ts';

const TIMEOUT_MS = 300;
const BIG = 100 * 1024 * 1024;

describe('a server that is sent nonsense', () => {
  let server: TestHttp;
  let url: string;
  let host: string;

  beforeAll(async () => {
    server = await serveAlone({}, { requestTimeoutMs: TIMEOUT_MS });
    url = server.url;
    host = `host: ${new URL(url).host}\r\n`;
  });
  afterAll(() => server.dispose());

  const post = (headers: string, body = '') =>
    `POST /executions HTTP/1.1\r\n${host}content-type: application/json\r\n${headers}\r\n${body}`;

  const refusals: [string, () => string, number, string][] = [
    ['garbage', () => 'hello\r\n\r\n', 400, 'bad-request'],
    ['TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 400, 'bad-request'],
    [
      'a header without a colon',
      () => `GET /version HTTP/1.1\r\n${host}secret-thing\r\n\r\n`,
      400,
      'bad-request',
    ],
    ['a header with U+0000', () => `GET /version HTTP/1.1\r\n${host}a: b\0c\r\n\r\n`, 400, 'bad-request'],
    ['a bare line feed in headers', () => `GET /version HTTP/1.1\n${host}a: b\n\n`, 400, 'bad-request'],
    ['a URL of 20 KB', () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, 431, 'headers-too-large'],
    [
      'a header of 20 KB',
      () => `GET / HTTP/1.1\r\n${host}a: ${'b'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['two lengths', () => post('content-length: 2\r\ncontent-length: 3\r\n', '{}'), 400, 'bad-request'],
    [
      'a length and chunks',
      () => post('content-length: 2\r\ntransfer-encoding: chunked\r\n', '{}'),
      400,
      'bad-request',
    ],
    ['a length that is no number', () => post('content-length: 2x\r\n', '{}'), 400, 'bad-request'],
    ['a transfer that is unknown', () => post('transfer-encoding: chunked, x\r\n', '{}'), 400, 'bad-request'],
    [
      'a chunk without a length',
      () => post('transfer-encoding: chunked\r\n', 'zz\r\n{}\r\n'),
      400,
      'bad-request',
    ],
    [
      'a chunk with a long extension',
      () => post('transfer-encoding: chunked\r\n', `2;${'x'.repeat(20_000)}\r\n`),
      413,
      'body-too-large',
    ],
    [
      'a body that is shorter than it says',
      () => post('content-length: 20\r\n', '{}'),
      408,
      'request-timeout',
    ],
    ['headers that do not end', () => `GET /version HTTP/1.1\r\n${host}a: b\r\n`, 408, 'request-timeout'],
    ['nothing at all', () => '', 408, 'request-timeout'],
  ];

  test.each(refusals)('answers %s with a problem, and hangs up', async (_, text, status, code) => {
    const answer = lastAnswer(await sendRaw(url, text()));
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers).toContain('content-type: application/problem+json');
    expect(answer.headers).toContain('connection: close');
  });

  test('cuts a body that drips, however often a byte comes', async () => {
    const raw = await openRawSocket(url);
    raw.write(post('content-length: 1000\r\n'));
    const drip = setInterval(() => raw.write(' '), 20);
    expect(lastAnswer(await raw.closed())).toMatchObject({ status: 408, code: 'request-timeout' });
    clearInterval(drip);
  });

  test('answers a body that has no end at the first byte too many, and then stops listening', async () => {
    const raw = await openRawSocket(url);
    raw.write(post('transfer-encoding: chunked\r\n'));
    const part = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const stop = new AbortController();
    const pour = () => {
      while (!stop.signal.aborted && !raw.socket.destroyed && raw.socket.write(part));
    };
    raw.socket.on('drain', pour);
    pour();
    const text = await raw.closed();
    stop.abort();
    expect(lastAnswer(text)).toMatchObject({ status: 413, code: 'body-too-large' });
  });

  test('refuses a body by its length alone, before it is sent', async () => {
    const raw = await openRawSocket(url);
    raw.write(post(`content-length: ${BIG}\r\nexpect: 100-continue\r\n`));
    await waitFor(() => raw.received().includes('body-too-large'), { describe: 'the answer' });
    await raw.closed();
  });

  test('bids a body welcome when it is asked to, and takes other expectations for none', async () => {
    const raw = await openRawSocket(url);
    raw.write(post('content-length: 2\r\nexpect: 100-continue\r\n'));
    await waitFor(() => raw.received().includes('100 Continue'), { describe: 'the welcome' });
    raw.write('{}');
    await waitFor(() => raw.received().includes('validation-failed'), { describe: 'the answer' });
    raw.socket.destroy();
    const other = await ask(url, '/version', { headers: { expect: 'the unexpected' } });
    expect(other.status).toBe(200);
  });

  test('answers a HEAD that is broken without a body', async () => {
    const text = await sendRaw(url, `HEAD /\xff HTTP/1.1\r\n${host}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
  });

  test('answers pipelined requests in their order, also when one is refused', async () => {
    const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n`;
    const text = await sendRaw(url, get('/version') + get('/nothing') + get('/healthz') + 'broken\r\n\r\n');
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses.slice(0, 3)).toEqual(['200', '404', '200']);
  });

  test('refuses a request without a Host, and takes one of HTTP/1.0 for what it is', async () => {
    const missing = lastAnswer(await sendRaw(url, 'GET /version HTTP/1.1\r\nconnection: close\r\n\r\n'));
    expect(missing).toMatchObject({ status: 400, code: 'bad-request' });
    expect(lastAnswer(await sendRaw(url, `GET /version HTTP/1.0\r\n${host}\r\n`)).status).toBe(200);
  });

  test('refuses more than 100 headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, '1']));
    expect((await ask(url, '/version', { headers })).json()).toMatchObject({ code: 'headers-too-large' });
  });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'gzip, identity'])(
    'takes no body in %s',
    async (encoding) => {
      const answer = await ask(url, '/executions', { headers: { 'content-encoding': encoding }, body: {} });
      expect(answer.json()).toMatchObject({ status: 415, code: 'unsupported-media-type' });
    },
  );

  const bombs: [string, string][] = [
    ['lists in lists', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['lists without an end', '['.repeat(1_000_000)],
    ['objects in objects', '{"a":'.repeat(150_000) + '1' + '}'.repeat(150_000)],
    ['bytes that are no UTF-8', ''],
  ];

  test.each(bombs)('refuses %s', async (_, body) => {
    const sent = body === '' ? Buffer.from([0x22, 0xff, 0xfe, 0x22]) : body;
    const answer = await ask(url, '/executions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: sent,
    });
    expect(answer.json()).toMatchObject({ status: 400, code: 'malformed-json' });
  });

  test('tells at most 100 faults of a body that has nothing else', async () => {
    const body = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key ${i}`, 1]));
    const answer = await ask(url, '/executions', { body });
    expect(answer.json()['errors']).toHaveLength(100);
    expect(answer.json()['detail']).toMatch(/and \d{5} more/);
  });

  test('lets go of a reader that takes nothing of its answer', async () => {
    const { id, no } = await insertRunning(server.db);
    const raw = await openRawSocket(url);
    raw.socket.pause();
    raw.write(`GET /executions/${id}/stream HTTP/1.1\r\n${host}\r\n`);
    await waitFor(() => server.http.openStreams === 1, { describe: 'the stream to be open' });
    const chunk = { type: 'text-delta', id: 't', delta: 'x'.repeat(1_000_000) } as const;
    for (let seq = 1; seq <= 12; seq++) await append(server, no, seq, [chunk]);
    await waitFor(() => server.http.openStreams === 0, { describe: 'the stream to be cut' });
    raw.socket.destroy();
  });

  test('keeps a reader to whom there is nothing to say', async () => {
    const { id, no } = await insertRunning(server.db);
    const raw = await openRawSocket(url);
    raw.write(`GET /executions/${id}/stream HTTP/1.1\r\n${host}\r\n`);
    await waitFor(() => server.http.openStreams === 1, { describe: 'the stream to be open' });
    // Somebody else is cut meanwhile, who began later.
    expect(lastAnswer(await sendRaw(url, 'GET / HTTP/1.1\r\n')).status).toBe(408);
    await append(server, no, 1, [{ type: 'text-delta', id: 't', delta: 'still here' }]);
    await waitFor(() => raw.received().includes('still here'), { describe: 'the chunk' });
    raw.socket.destroy();
  });

  test('logged no bug, and nothing of what was sent', () => {
    expect(server.logged).toEqual([]);
  });
});
