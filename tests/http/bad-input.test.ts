import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startServer, type TestServer } from '../support/server.ts';
import { ask, type RequestOptions, run } from './client.ts';
import { countRows } from './row-counts.ts';

const UNKNOWN = '019a0000-0000-7000-8000-000000000000';
const LONG = 'x'.repeat(10_000);
const post = (body: unknown, headers?: Record<string, string>): RequestOptions => ({
  method: 'POST',
  body,
  ...(headers === undefined ? {} : { headers }),
});
const userMessage = (...parts: unknown[]) => ({ role: 'user', parts });

type Row = [name: string, path: string, options: RequestOptions, status: number, code: string];

/** `{id}` is an execution that has completed. */
const TABLE: Row[] = [
  ['JSON that ends in the middle', '/executions', post('{"input":'), 400, 'malformed-json'],
  ['JSON that is nested too deep', '/executions', post('['.repeat(100_000)), 400, 'malformed-json'],
  [
    'well-formed JSON that is nested too deep',
    '/executions',
    post(`{"input":"x","metadata":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`),
    400,
    'malformed-json',
  ],
  ['a body that is no object', '/executions', post('[]'), 422, 'validation-failed'],
  ['no body', '/executions', { method: 'POST' }, 422, 'validation-failed'],
  ['an empty body', '/executions', post('', { 'content-length': '0' }), 422, 'validation-failed'],
  ['no input', '/executions', post({ agentId: 'assistant' }), 422, 'validation-failed'],
  ['an empty input', '/executions', post({ input: '' }), 422, 'validation-failed'],
  ['an input of a wrong kind', '/executions', post({ input: 5 }), 422, 'validation-failed'],
  ['an unknown field', '/executions', post({ input: 'x', agent: 'y' }), 422, 'validation-failed'],
  ['a prototype as a field', '/executions', post('{"input":"x","__proto__":{}}'), 422, 'validation-failed'],
  ['an unknown agent', '/executions', post({ input: 'x', agentId: 'nobody' }), 404, 'agent-not-found'],
  ['an agent with U+0000', '/executions', post({ input: 'x', agentId: 'a\0' }), 404, 'agent-not-found'],
  ['a thread id with spaces', '/executions', post({ input: 'x', threadId: 'a b' }), 422, 'validation-failed'],
  ['a thread id with U+0000', '/executions', post({ input: 'x', threadId: 'a\0' }), 422, 'validation-failed'],
  [
    'a thread id that is too long',
    '/executions',
    post({ input: 'x', threadId: LONG }),
    422,
    'validation-failed',
  ],
  [
    'an onBusy that there is not',
    '/executions',
    post({ input: 'x', onBusy: 'wait' }),
    422,
    'validation-failed',
  ],
  [
    'a message of the assistant',
    '/executions',
    post({ input: { role: 'assistant', parts: [{ type: 'text', text: 'x' }] } }),
    422,
    'validation-failed',
  ],
  ['a message without parts', '/executions', post({ input: userMessage() }), 422, 'validation-failed'],
  [
    'a tool part from a user',
    '/executions',
    post({ input: userMessage({ type: 'tool-add', toolCallId: '1', state: 'output-available', output: 3 }) }),
    422,
    'validation-failed',
  ],
  [
    'a file from elsewhere',
    '/executions',
    post({ input: userMessage({ type: 'file', mediaType: 'image/png', url: 'http://169.254.169.254/' }) }),
    422,
    'validation-failed',
  ],
  [
    'a message id with U+0000',
    '/executions',
    post({ input: { ...userMessage({ type: 'text', text: 'x' }), id: 'a\0' } }),
    422,
    'validation-failed',
  ],
  [
    'a message id that is half a surrogate pair',
    '/executions',
    post({ input: { ...userMessage({ type: 'text', text: 'x' }), id: '\ud800' } }),
    422,
    'validation-failed',
  ],
  ['metadata that is a list', '/executions', post({ input: 'x', metadata: [] }), 422, 'validation-failed'],
  [
    'metadata with U+0000',
    '/executions',
    post({ input: 'x', metadata: { a: ['\0'] } }),
    422,
    'validation-failed',
  ],
  [
    'metadata with U+0000 in a key',
    '/executions',
    post({ input: 'x', metadata: { 'a\0': 1 } }),
    422,
    'validation-failed',
  ],
  [
    'metadata with half a pair',
    '/executions',
    post('{"input":"x","metadata":{"a":"\\ud800"}}'),
    422,
    'validation-failed',
  ],
  [
    'metadata over 16 KB',
    '/executions',
    post({ input: 'x', metadata: { a: 'x'.repeat(17_000) } }),
    422,
    'validation-failed',
  ],
  [
    'metadata with a long key',
    '/executions',
    post({ input: 'x', metadata: { ['k'.repeat(65)]: 1 } }),
    422,
    'validation-failed',
  ],
  ['a body of 2 MB', '/executions', post({ input: 'x'.repeat(2_000_000) }), 413, 'body-too-large'],
  [
    'a body that is text',
    '/executions',
    post('x', { 'content-type': 'text/plain' }),
    415,
    'unsupported-media-type',
  ],
  [
    'a body that is a form',
    '/executions',
    post('input=x', { 'content-type': 'application/x-www-form-urlencoded' }),
    415,
    'unsupported-media-type',
  ],
  [
    'an unknown charset',
    '/executions',
    post('{}', { 'content-type': 'application/json; charset=klingon' }),
    415,
    'unsupported-media-type',
  ],
  [
    'an unknown encoding',
    '/executions',
    post('{}', { 'content-encoding': 'zip' }),
    415,
    'unsupported-media-type',
  ],
  [
    'a compressed body',
    '/executions',
    post('not gzip', { 'content-encoding': 'gzip' }),
    415,
    'unsupported-media-type',
  ],
  [
    'a key that is too long',
    '/executions',
    post({ input: 'x' }, { 'idempotency-key': 'k'.repeat(256) }),
    400,
    'bad-header',
  ],
  ['an empty key', '/executions', post({ input: 'x' }, { 'idempotency-key': '' }), 400, 'bad-header'],
  ['a key with a tab', '/executions', post({ input: 'x' }, { 'idempotency-key': 'a\tb' }), 400, 'bad-header'],
  ['a query on a POST', '/executions?wait=1', post({ input: 'x' }), 400, 'bad-query'],
  ['an unknown filter', '/executions?state=running', {}, 400, 'bad-query'],
  ['a prototype as a filter', '/executions?__proto__=1', {}, 400, 'bad-query'],
  ['an unknown status', '/executions?status=done', {}, 400, 'bad-query'],
  ['a filter given twice', '/executions?agentId=a&agentId=b', {}, 400, 'bad-query'],
  ['U+0000 in a filter', '/executions?agentId=a%00', {}, 400, 'bad-query'],
  ['U+0000 in a metadata key', '/executions?metadata.a%00=b', {}, 400, 'bad-query'],
  ['metadata without a key', '/executions?metadata.=b', {}, 400, 'bad-query'],
  ['metadata as a whole', '/executions?metadata=b', {}, 400, 'bad-query'],
  ['a limit of 0', '/executions?limit=0', {}, 400, 'bad-query'],
  ['a limit of 201', '/executions?limit=201', {}, 400, 'bad-query'],
  ['a limit in hexadecimal', '/executions?limit=0x10', {}, 400, 'bad-query'],
  ['an empty limit', '/executions?limit=', {}, 400, 'bad-query'],
  ['a list cursor that is none', '/executions?cursor=abc', {}, 400, 'bad-query'],
  [
    'a list cursor of other content',
    `/executions?cursor=${Buffer.from('[1,"x"]').toString('base64url')}`,
    {},
    400,
    'bad-query',
  ],
  [
    'a list cursor of a date beyond all',
    `/executions?cursor=${Buffer.from('[1e300,"x"]').toString('base64url')}`,
    {},
    400,
    'bad-query',
  ],
  ['a day that does not exist', '/executions?createdAfter=2026-02-30T00:00:00Z', {}, 400, 'bad-query'],
  ['the year 0', '/executions?createdAfter=0000-01-01T00:00:00Z', {}, 400, 'bad-query'],
  ['a time without an offset', '/executions?createdBefore=2026-02-03T00:00:00', {}, 400, 'bad-query'],
  ['an execution that does not exist', `/executions/${UNKNOWN}`, {}, 404, 'not-found'],
  ['an execution id with quotes', "/executions/'%22;--", {}, 404, 'not-found'],
  ['an execution id with U+0000', '/executions/%00', {}, 404, 'not-found'],
  ['an execution id that is no UTF-8', '/executions/%ff', {}, 404, 'not-found'],
  ['an execution id of 10,000 characters', `/executions/${LONG}`, {}, 404, 'not-found'],
  ['waiting for what does not exist', `/executions/${UNKNOWN}/wait`, {}, 404, 'not-found'],
  ['waiting for too long', '/executions/{id}/wait?timeoutMs=60001', {}, 400, 'bad-query'],
  ['the stream of what does not exist', `/executions/${UNKNOWN}/stream`, {}, 404, 'not-found'],
  ['the chunks of what does not exist', `/executions/${UNKNOWN}/chunks`, {}, 404, 'not-found'],
  ['the timeline of what does not exist', `/executions/${UNKNOWN}/timeline`, {}, 404, 'not-found'],
  ['retrying what does not exist', `/executions/${UNKNOWN}/retry`, { method: 'POST' }, 404, 'not-found'],
  ['retrying what has completed', '/executions/{id}/retry', { method: 'POST' }, 409, 'not-retryable'],
  ['retrying with a field', '/executions/{id}/retry', post({ force: true }), 422, 'validation-failed'],
  ['a cursor that is a word', '/executions/{id}/stream?after=abc', {}, 400, 'bad-cursor'],
  ['a cursor that is empty', '/executions/{id}/stream?after=', {}, 400, 'bad-cursor'],
  ['a cursor with a fraction', '/executions/{id}/stream?after=-5.5', {}, 400, 'bad-cursor'],
  ['a negative cursor', '/executions/{id}/stream?after=-1', {}, 400, 'bad-cursor'],
  ['a cursor beyond the end', '/executions/{id}/stream?after=1000', {}, 400, 'bad-cursor'],
  ['a cursor beyond all numbers', `/executions/{id}/stream?after=${'9'.repeat(40)}`, {}, 400, 'bad-cursor'],
  ['a start index with a fraction', '/executions/{id}/stream?startIndex=-5.5', {}, 400, 'bad-cursor'],
  ['a start index beyond the end', '/executions/{id}/stream?startIndex=1000', {}, 400, 'bad-cursor'],
  [
    'a last event id that is a word',
    '/executions/{id}/stream',
    { headers: { 'last-event-id': 'abc' } },
    400,
    'bad-cursor',
  ],
  [
    'a last event id beyond the end',
    '/executions/{id}/stream',
    { headers: { 'last-event-id': '1000' } },
    400,
    'bad-cursor',
  ],
  [
    'a last event id that is negative',
    '/executions/{id}/stream',
    { headers: { 'last-event-id': '-1' } },
    400,
    'bad-cursor',
  ],
  ['an unknown end', '/executions/{id}/stream?until=monday', {}, 400, 'bad-query'],
  ['a chunk cursor beyond the end', '/executions/{id}/chunks?after=1000', {}, 400, 'bad-cursor'],
  ['a chunk limit of 5001', '/executions/{id}/chunks?limit=5001', {}, 400, 'bad-query'],
  ['a thread that does not exist', '/threads/nowhere', {}, 404, 'not-found'],
  ['a thread id with quotes', "/threads/'%22;--", {}, 404, 'not-found'],
  ['a thread id with U+0000', '/threads/%00', {}, 404, 'not-found'],
  ['a thread id that is no UTF-8', '/threads/%ff/messages', {}, 404, 'not-found'],
  ['a thread id of 10,000 characters', `/threads/${LONG}`, {}, 404, 'not-found'],
  ['messages of a thread that does not exist', '/threads/nowhere/messages', {}, 404, 'not-found'],
  ['a message cursor that is none', '/threads/bad-input/messages?cursor=abc', {}, 400, 'bad-query'],
  [
    'a message cursor out of range',
    `/threads/bad-input/messages?cursor=${Buffer.from('p9999999999').toString('base64url')}`,
    {},
    400,
    'bad-query',
  ],
  ['an unknown order', '/threads/bad-input/messages?order=random', {}, 400, 'bad-query'],
  ['a message that does not exist', '/threads/bad-input/messages/none', {}, 404, 'not-found'],
  ['a message id with U+0000', '/threads/bad-input/messages/%00', {}, 404, 'not-found'],
  ['a message id of 10,000 characters', `/threads/bad-input/messages/${LONG}`, {}, 404, 'not-found'],
  ['an agent that does not exist', '/agents/nobody', {}, 404, 'agent-not-found'],
  ['an agent id with U+0000', '/agents/%00', {}, 404, 'not-found'],
  ['a path that does not exist', '/nothing/here', {}, 404, 'not-found'],
  ['a path that climbs', '/docs/assets/..%2f..%2fpackage.json', {}, 404, 'not-found'],
  ['a method that is not allowed', '/executions', { method: 'DELETE' }, 405, 'method-not-allowed'],
];

describe('bad input', () => {
  let server: TestServer;
  let id: string;
  let before: Record<string, number>;

  beforeAll(async () => {
    server = await startServer();
    ({ id } = await run(server.url, { input: 'say hello', threadId: 'bad-input' }));
    before = await countRows(server.databaseUrl);
  });
  afterAll(() => server.dispose());

  test.each(TABLE)('%s is refused with its problem', async (_name, path, options, status, code) => {
    const answer = await ask(server.url, path.replace('{id}', id), options);

    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json()).toMatchObject({
      status,
      code,
      type: `/docs/problems#${code}`,
      title: expect.any(String),
    });
    expect(answer.status).toBe(status);
    expect(answer.headers['x-request-id']).toEqual(expect.any(String));
  });

  test('left nothing behind, and no bug in the log', async () => {
    expect(await countRows(server.databaseUrl)).toEqual(before);
    expect(server.log()).not.toContain('http.failed');
  });

  test('names every fault of a body by its place', async () => {
    const body = { input: userMessage({ type: 'text' }), threadId: 'a b', 'x/y': 1, onBusy: 'wait' };
    const problem = (await ask(server.url, '/executions', { body })).json();
    expect(problem['errors']).toEqual([
      { pointer: '/threadId', message: expect.any(String) },
      { pointer: '/input/parts/0/text', message: 'is required' },
      { pointer: '/onBusy', message: 'must be one of enqueue, reject, interrupt' },
      { pointer: '/x~1y', message: 'is not known' },
    ]);
    expect(problem['instance']).toBe('/executions');
  });

  test('a HEAD is refused as its GET is', async () => {
    for (const path of [
      '/executions/%ff',
      `/executions/${UNKNOWN}/stream`,
      `/executions/${id}/stream?after=999`,
    ]) {
      const [get, head] = [await ask(server.url, path), await ask(server.url, path, { method: 'HEAD' })];
      expect([head.status, head.headers['content-type']]).toEqual([get.status, get.headers['content-type']]);
    }
  });
});
