import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ApiKeys } from '../../src/auth/api-keys.ts';
import { createApiKey, type NewApiKey } from '../../src/auth/create-api-key.ts';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;
let clock = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 3, idleTransactionMs: 5000, onError: () => undefined });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const openKeys = () => new ApiKeys(db.orm, () => clock);

function makeKey(fields: Partial<NewApiKey> = {}) {
  const usual = { name: 'test', scopes: [], tenantId: 'acme', ownerId: null, expiresAt: null };
  return createApiKey(db.orm, { ...usual, ...fields });
}

test('a key is found by all of it only, with what it was made for', async () => {
  const { id, key } = await makeKey({ scopes: ['executions:write'], ownerId: 'ann' });
  const keys = openKeys();
  expect(await keys.find(key)).toMatchObject({ kind: 'api-key', id, tenantId: 'acme', ownerId: 'ann' });
  expect([...((await keys.find(key))?.scopes ?? [])]).toEqual(['executions:write', 'executions:read']);
  const other = key.at(-1) === 'A' ? 'B' : 'A';
  for (const wrong of [key.slice(0, -1), `${key}A`, key.slice(0, -2) + other.repeat(2), '', 'ok_live_']) {
    expect(await keys.find(wrong)).toBeUndefined();
  }
});

test('what is stored of a key opens nothing', async () => {
  const { key } = await makeKey();
  const { rows } = await db.pool.query('SELECT * FROM outlast.api_keys');
  expect(JSON.stringify(rows)).not.toContain(key.split('_').at(-1));
  const stored = rows.at(-1) as { prefix: string; hash: string };
  expect(await openKeys().find(`${stored.prefix}_${stored.hash}`)).toBeUndefined();
  expect(stored.hash).toMatch(/^[0-9a-f]{64}$/);
});

test('a key that has expired or was revoked is nobody’s', async () => {
  const expired = await makeKey({ expiresAt: new Date(Date.now() - 1000) });
  const revoked = await makeKey();
  expect(await revokeApiKey(db.orm, revoked.id)).toBe(true);
  expect(await openKeys().find(expired.key)).toBeUndefined();
  expect(await openKeys().find(revoked.key)).toBeUndefined();
});

test('a key is looked up once in two seconds, and a revoked one is refused after that', async () => {
  const { id, key } = await makeKey();
  const keys = openKeys();
  expect(await keys.find(key)).toMatchObject({ id });
  await revokeApiKey(db.orm, id);
  clock += 1999;
  expect(await keys.find(key)).toMatchObject({ id });
  clock += 1;
  expect(await keys.find(key)).toBeUndefined();
});

test('a failed look-up is not remembered', async () => {
  const { id, key } = await makeKey();
  const elsewhere = openDatabase({
    url: database.url,
    poolSize: 1,
    idleTransactionMs: 5000,
    onError: () => undefined,
  });
  let isAway = true;
  const orm = new Proxy(elsewhere.orm, {
    get(target, name) {
      if (isAway && name === 'select') throw new Error('away');
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const keys = new ApiKeys(orm, () => clock);
  await expect(keys.find(key)).rejects.toThrow('away');
  isAway = false;
  expect(await keys.find(key)).toMatchObject({ id });
  await elsewhere.close();
});

test('the last use is written down, at most once a minute', async () => {
  const { id, key } = await makeKey();
  const lastUse = async () => {
    const { rows } = await db.pool.query('SELECT last_used_at FROM outlast.api_keys WHERE id = $1', [id]);
    return (rows[0] as { last_used_at: Date | null }).last_used_at;
  };
  await openKeys().find(key);
  const first = await waitFor(async () => (await lastUse()) ?? undefined, { describe: 'the first use' });
  const second = openKeys();
  await second.find(key);
  await second.find(key);
  expect(await lastUse()).toEqual(first);
  await db.pool.query(
    "UPDATE outlast.api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1",
    [id],
  );
  await openKeys().find(key);
  await waitFor(async () => ((await lastUse()) ?? 0) >= first || undefined, { describe: 'the next use' });
});

test('a wrong secret with the right prefix is no use of the key', async () => {
  const { id, key } = await makeKey();
  const { key: other } = await makeKey();
  expect(await openKeys().find(`${key.slice(0, 21)}${other.slice(21)}`)).toBeUndefined();
  const { rows } = await db.pool.query('SELECT last_used_at FROM outlast.api_keys WHERE id = $1', [id]);
  expect(rows).toEqual([{ last_used_at: null }]);
});
