import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { apps } from '../../src/commands/apps.ts';
import { parseConfig } from '../../src/config/config.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runOutlast } from '../support/run-outlast.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const GOOD = ['create', '--name', 'shop', '--origins', 'https://shop.example', '--agents', 'assistant'];

test('an app that was made is listed, without its secret, until and after it is disabled', async () => {
  const origins = 'https://Shop.example:443, https://*.shop.example,http://localhost:5173';
  const args = ['--name', 'shop', '--origins', origins, '--agents', 'assistant,operator', '--tenant', 'acme'];
  const made = await runOutlast(database.url, ['apps', 'create', ...args]);
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
  const id = made.out.trim();
  const list = await runOutlast(database.url, ['apps', 'list']);
  expect(JSON.parse(list.out)).toEqual({
    id,
    name: 'shop',
    tenant: 'acme',
    origins: ['https://shop.example', 'https://*.shop.example', 'http://localhost:5173'],
    agents: ['assistant', 'operator'],
    sessionTtlSeconds: 86_400,
    difficulty: 10_000,
    createdAt: expect.any(String),
    disabledAt: null,
  });
  expect(await runOutlast(database.url, ['apps', 'disable', id])).toMatchObject({ code: 0, out: '' });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ disabled_at: Date }>('SELECT disabled_at FROM outlast.apps');
  await client.end();
  expect(rows).toEqual([{ disabled_at: expect.any(Date) }]);
});

test.each([
  [[], 'outlast apps create'],
  [['create'], '--name is needed'],
  [['create', '--name', 'shop'], '--origins is needed'],
  [GOOD.slice(0, -2), '--agents is needed'],
  [[...GOOD, '--origins', '*'], '* is not an origin, such as https://shop.example'],
  [[...GOOD, '--origins', 'https://shop.example/chat'], 'https://shop.example/chat is not an origin'],
  [[...GOOD, '--origins', 'https://shop.example,https://*.com'], 'after *. comes a domain'],
  [[...GOOD, '--agents', 'assistent'], 'there is no agent assistent; did you mean assistant?'],
  [[...GOOD, '--agents', 'no one'], 'no one is not the id of an agent'],
  [[...GOOD, '--tenant', ''], '--tenant is not a name'],
  [[...GOOD, '--session-ttl', '0'], '--session-ttl is a whole number from 1 to 2592000'],
  [[...GOOD, '--session-ttl', '1d'], '--session-ttl is a whole number'],
  [[...GOOD, '--difficulty', '200001'], '--difficulty is a whole number from 1 to 200000'],
  [[...GOOD, '--force'], '--force'],
  [['disable'], 'outlast apps disable ID'],
])('%j is refused in a sentence, before anything is opened', async (args, sentence) => {
  const config = parseConfig({ DATABASE_URL: 'postgres://127.0.0.1:9/none' });
  await expect(apps(config, args)).rejects.toEqual(
    expect.objectContaining({ name: 'CommandError', message: expect.stringContaining(sentence) }),
  );
});

test('where the agents are elsewhere, none is held to be missing', async () => {
  const config = parseConfig({ DATABASE_URL: 'postgres://127.0.0.1:9/none', OUTLAST_AGENTS_DIR: '/nowhere' });
  await expect(apps(config, [...GOOD, '--agents', 'elsewhere'])).rejects.not.toMatchObject({
    name: 'CommandError',
  });
});

test('one that does not exist is not disabled', async () => {
  const config = parseConfig({ DATABASE_URL: database.url });
  await expect(apps(config, ['disable', 'x'])).rejects.toThrow('There is no app x');
});
