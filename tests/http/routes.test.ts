import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allRoutes } from '../../src/http/all-routes.ts';
import { startRefunds } from '../support/operator.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, ask, type RequestOptions, run } from './client.ts';
import { countRows } from './row-counts.ts';

const ROUTES = allRoutes({ version: { version: '0', node: '0', applicationVersion: '0' } });
const NAMES = ROUTES.map(({ method, path }) => [method.toUpperCase(), path] as const);
const GETS = NAMES.filter(([method]) => method === 'GET').map(([, path]) => path);
/** Where nobody is asked who they are, there are no apps. */
const REFUSED: Record<string, number> = { '/apps/{appId}/challenge': 409 };
const PATHS = [...new Set(NAMES.map(([, path]) => path))];
const ALLOWED = 'https://app.example.com';
/** What it is told is given up at once, for its address is a private one. */
const REFUSED_RECEIVER = {
  OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/',
  OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
};

describe('every route', () => {
  let server: TestServer;
  let values: Record<string, string>;

  beforeAll(async () => {
    server = await startServer({ env: { OUTLAST_ALLOWED_ORIGINS: ALLOWED, ...REFUSED_RECEIVER } });
    const { id, messageId } = await run(server.url, { input: 'say hello', threadId: 'routes' });
    const { approvalIds } = await startRefunds(server.url);
    // Of the end of one and the approval of the other. From then on nothing happens by itself.
    const refused = await waitFor(
      async () => (await ask(server.url, '/notifications?status=failed')).json().data[1],
      { describe: 'both notifications to be refused' },
    );
    const automation = await ask(server.url, '/automations', {
      body: { name: 'a', agentId: 'assistant', input: 'say hello', trigger: { type: 'event', name: 'e' } },
    });
    values = {
      automations: String(automation.json()['id']),
      automationId: String(automation.json()['id']),
      executions: id,
      notifications: String(refused['id']),
      threads: 'routes',
      agents: 'assistant',
      messageId: String(messageId),
      name: 'start.js',
      toolCallId: 'call_1',
      appId: '01a1fcc5-ff05-7b76-b878-98dcc5433823',
      api: id,
      approvals: approvalIds[0] ?? '',
    };
  });
  afterAll(() => server.dispose());

  /** A path that leads to something. */
  function concrete(path: string): string {
    const id = values[path.split('/')[1] ?? ''] ?? '';
    return path.replace('{id}', id).replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
  }

  test.each(GETS)('HEAD %s has the headers of GET', async (path) => {
    const get = await ask(server.url, concrete(path), { headersOnly: true });
    const head = await ask(server.url, concrete(path), { method: 'HEAD' });
    const comparable = ({
      date,
      'x-request-id': _,
      'transfer-encoding': __,
      ...headers
    }: typeof get.headers) => headers;
    const status = REFUSED[path] ?? 200;
    expect(get.status).toBe(status);
    expect([head.status, head.text]).toEqual([status, '']);
    expect(comparable(head.headers)).toEqual(comparable(get.headers));
  });

  test.each(PATHS)('%s refuses other methods and says which it takes', async (path) => {
    const methods = NAMES.filter(([, each]) => each === path).map(([method]) => method);
    const other = ['PATCH', 'PUT', 'DELETE'].find((method) => !methods.includes(method)) ?? 'TRACE';
    const answer = await ask(server.url, concrete(path), { method: other });
    expect(answer.json()).toMatchObject({ status: 405, code: 'method-not-allowed' });
    const allow = String(answer.headers['allow']).split(', ');
    expect(allow).toEqual(expect.arrayContaining([...methods, 'OPTIONS']));
    expect(allow.includes('HEAD')).toBe(methods.includes('GET'));
    const options = await ask(server.url, concrete(path), { method: 'OPTIONS' });
    expect([options.status, options.headers['allow']]).toEqual([204, answer.headers['allow']]);
  });

  test.each([
    ...NAMES,
    ['GET', '/no/such/path'],
    ['OPTIONS', '/executions'],
    ['HEAD', '/executions'],
  ] as const)('%s %s is not for strangers', async (method, path) => {
    const before = await countRows(server.databaseUrl);
    const own = new URL(server.url).host;
    const refused: Record<string, string>[] = [
      { host: 'evil.com' },
      { host: 'localhost.evil.com' },
      { host: '127.0.0.1.evil.com' },
      { host: 'localhost@evil.com' },
      { host: '10.0.0.1' },
      { host: 'evil.com:80' },
      { host: own, origin: 'http://evil.com' },
      { host: own, origin: 'null' },
      { host: own, origin: `https://${own}` },
      { host: own, origin: 'http://127.0.0.1:1' },
      { host: own, origin: `${ALLOWED}.evil.com` },
      { host: 'evil.com', origin: 'http://evil.com' },
    ];
    for (const headers of refused) {
      const body = method === 'POST' ? { body: { input: 'say hello' } } : {};
      const answer = await ask(server.url, concrete(path), { method, headers, ...body });
      expect([headers, answer.status]).toEqual([headers, 403]);
      if (method !== 'HEAD') expect(answer.json()).toMatchObject({ code: 'origin-not-allowed' });
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect(await countRows(server.databaseUrl)).toEqual(before);
  });

  test.each([
    'localhost',
    'localhost:1',
    'LOCALHOST',
    'app.localhost:80',
    '127.0.0.1',
    '127.1.2.3:9',
    '[::1]',
    '[::1]:1',
    'app.example.com',
  ])('a server is found as %s', async (host) => {
    expect((await ask(server.url, '/version', { headers: { host } })).status).toBe(200);
  });

  test('its own pages may ask, also on the default port', async () => {
    const { host } = new URL(server.url);
    const ask200 = async (headers: Record<string, string>) =>
      expect((await ask(server.url, '/version', { headers })).status).toBe(200);
    await ask200({ origin: `http://${host}` });
    await ask200({ host: 'localhost:80', origin: 'http://localhost' });
  });

  test('pages of an allowed origin may ask and read', async () => {
    const answer = await ask(server.url, '/version', { headers: { origin: ALLOWED } });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(ALLOWED);
    expect(String(answer.headers['access-control-expose-headers'])).toContain('x-execution-id');
    const preflight = await ask(server.url, '/executions', {
      method: 'OPTIONS',
      headers: { origin: ALLOWED, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': ALLOWED,
      'access-control-allow-headers': expect.stringContaining('idempotency-key'),
      'access-control-allow-methods': expect.stringContaining('POST'),
    });
  });

  test('answers carry a request id, the one that was sent if it is well-formed', async () => {
    const withId = (id: string) => ask(server.url, '/version', { headers: { 'x-request-id': id } });
    expect((await withId('a.B-9_')).headers['x-request-id']).toBe('a.B-9_');
    expect((await withId('a b')).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await withId('x'.repeat(129))).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  /** One answer of each kind, to whom the origin allows, to whom it does not, and to no page at all. */
  const kinds: [string, string, RequestOptions, number][] = [
    ...GETS.map((path): [string, string, RequestOptions, number] => [
      'GET',
      path,
      { headersOnly: true },
      REFUSED[path] ?? 200,
    ]),
    ['HEAD', '/executions', { method: 'HEAD' }, 200],
    ['OPTIONS', '/executions', { method: 'OPTIONS' }, 204],
    ['POST', '/executions', { body: 'x', method: 'POST', headers: { 'content-type': 'text/plain' } }, 415],
    [
      'POST',
      '/executions',
      { body: '{', method: 'POST', headers: { 'content-type': 'application/json' } },
      400,
    ],
    ['POST', '/executions', { body: {} }, 422],
    ['DELETE', '/executions', { method: 'DELETE' }, 405],
    ['GET', '/executions/%ff', {}, 404],
    ['GET', '/no/such/path', {}, 404],
    ['GET', '/executions?x=1', {}, 400],
  ];

  test.each(kinds)(
    '%s %s is answered with the same headers for safety, %#',
    async (_, path, options, status) => {
      for (const origin of [undefined, ALLOWED]) {
        const headers = { ...options.headers, ...(origin === undefined ? {} : { origin }) };
        const answer = await ask(server.url, concrete(path), { ...options, headers });
        expect(answer.status).toBe(status);
        expectSafe(answer, origin);
      }
    },
  );

  test('a preflight and a stranger are answered with them, too', async () => {
    const preflight = { 'access-control-request-method': 'POST' };
    const options = { method: 'OPTIONS', headers: { origin: ALLOWED, ...preflight } };
    expectSafe(await ask(server.url, '/executions', options), ALLOWED);
    const stranger = await ask(server.url, '/version', { headers: { origin: 'https://evil.example' } });
    expect(stranger.status).toBe(403);
    expectSafe(stranger, undefined);
  });

  test('the page of the API loads nothing from elsewhere', async () => {
    const page = await ask(server.url, '/docs');
    const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '');
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      expect(source).toMatch(/^\/docs\/assets\//);
      expect((await ask(server.url, source)).status).toBe(200);
    }
    expect(String(page.headers['content-security-policy'])).not.toMatch(/https?:|\*|unsafe-eval/);
  });
});

const EXPOSED =
  'location, retry-after, idempotency-replayed, x-request-id, x-execution-id, x-execution-status, x-stream-tail, ' +
  'x-workflow-run-id, x-workflow-stream-tail-index';

function expectSafe({ headers }: Answer, allowedOrigin: string | undefined): void {
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'cache-control': expect.stringMatching(/no-store|no-cache|max-age/),
    vary: 'Origin',
    'x-request-id': expect.any(String),
  });
  for (const name of ['x-powered-by', 'etag', 'server', 'access-control-allow-credentials']) {
    expect(headers[name]).toBeUndefined();
  }
  expect(headers['access-control-allow-origin']).toBe(allowedOrigin);
  expect(headers['access-control-expose-headers']).toBe(allowedOrigin === undefined ? undefined : EXPOSED);
}
