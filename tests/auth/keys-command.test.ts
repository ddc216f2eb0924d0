import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask } from '../http/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runOutlast } from '../support/run-outlast.ts';
import { startServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const outlast = (args: string[], env?: Record<string, string>) => runOutlast(database.url, args, env);

test('a key that was made opens a server until it is revoked', async () => {
  const made = await outlast(['keys', 'create', '--name', 'ci', '--scopes', 'executions:read']);
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^ok_live_[0-9a-f]{12}_[\w-]{43}\n$/) });
  const headers = { 'x-api-key': made.out.trim() };
  const server = await startServer({ databaseUrl: database.url, env: { OUTLAST_AUTH: 'keys' } });
  try {
    const status = async () => (await ask(server.url, '/executions', { headers })).status;
    expect(await status()).toBe(200);
    const list = await outlast(['keys', 'list']);
    const listed = JSON.parse(list.out) as Record<string, unknown>;
    expect(listed).toMatchObject({ name: 'ci', tenant: 'default', owner: null, scopes: ['executions:read'] });
    expect(made.out).toContain(String(listed['prefix']));
    expect(list.out).not.toContain(made.out.trim().slice(-20));
    expect(await outlast(['keys', 'revoke', String(listed['prefix'])])).toMatchObject({ code: 0 });
    await waitFor(async () => (await status()) === 401 || undefined, { describe: 'the key to be refused' });
    expect(server.log()).not.toContain(made.out.trim().slice(-20));
  } finally {
    await server.dispose();
  }
});

test('stdout has the key alone, also on a database that is new', async () => {
  const empty = await createTestDatabase({ empty: true });
  const made = await runOutlast(empty.url, ['keys', 'create', '--name', 'ci', '--scopes', 'executions:read']);
  await empty.drop();
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^ok_live_[0-9a-f]{12}_[\w-]{43}\n$/) });
});

test.each([
  [['keys'], 'outlast keys create'],
  [['keys', 'create', '--scopes', 'admin'], '--name is needed'],
  [['keys', 'create', '--name', 'x'], '--scopes is needed'],
  [['keys', 'create', '--name', 'x', '--scopes', 'everything'], 'there is no scope everything'],
  [['keys', 'create', '--name', 'x', '--scopes', 'admin', '--owner', 'key:1'], '--owner'],
  [['keys', 'create', '--name', 'x', '--scopes', 'admin', '--expires', 'yesterday'], '--expires'],
  [['keys', 'create', '--name', 'x', '--scopes', 'admin', '--force'], '--force'],
  [['keys', 'revoke', 'ok_live_000000000000'], 'There is no key'],
])('%j is refused in a sentence', async (args, sentence) => {
  const ended = await outlast(args);
  expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(sentence) });
  expect(ended.err).not.toMatch(/^ +at /m);
});

describe('a server that asks nobody who they are', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'outlast.example.com'])('does not start on %s', async (HOST) => {
    const ended = await outlast(['start'], { HOST, PORT: '0' });
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain('OUTLAST_AUTH=keys');
    expect(ended.err).toContain('OUTLAST_JWT_JWKS_URL');
  });

  test('says so at start', async () => {
    const server = await startServer({ databaseUrl: database.url });
    expect(server.log()).toContain('auth.open');
    await server.dispose();
  });
});

test('a server that asks for keys may be reached from elsewhere, by any name', async () => {
  const server = await startServer({
    databaseUrl: database.url,
    env: { HOST: '0.0.0.0', OUTLAST_AUTH: 'keys' },
  });
  const headers = { host: 'outlast.example.com' };
  expect((await ask(server.url, '/healthz', { headers })).status).toBe(200);
  expect((await ask(server.url, '/executions', { headers })).status).toBe(401);
  expect(server.log()).not.toContain('auth.open');
  await server.dispose();
});
