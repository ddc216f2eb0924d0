import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AccessTokens } from '../../src/auth/access-tokens.ts';
import { createAccessToken, type NewAccessToken } from '../../src/auth/create-access-token.ts';
import { createApiKey } from '../../src/auth/create-api-key.ts';
import { giveToken } from '../../src/auth/give-token.ts';
import { OPEN_PRINCIPAL, type Principal, scopeOf } from '../../src/auth/principal.ts';
import { revokeAccessToken } from '../../src/auth/revoke-access-token.ts';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import { type Database, openDatabase, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import { createIn, executionOf } from '../support/executions.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let db: Database;
let tokens: AccessTokens;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 4, idleTransactionMs: 5000, onError: () => undefined });
  tokens = new AccessTokens(db.orm);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

async function makeToken(fields: Partial<NewAccessToken> = {}) {
  const executionId = await createIn(db);
  const made = await createAccessToken(db.orm, {
    kind: 'stream',
    tenantId: 'acme',
    ownerId: 'ann',
    threadNo: null,
    executionId,
    scope: 'read',
    madeBy: 'ann',
    apiKeyId: null,
    ttlSeconds: 60,
    endsAt: null,
    ...fields,
  });
  return { ...made, executionId };
}

const makeKey = (expiresAt: Date | null = null) =>
  createApiKey(db.orm, { name: 'test', scopes: [], tenantId: 'acme', ownerId: null, expiresAt });

test('a token is found by all of it only, and leads to one thing', async () => {
  const { id, token, executionId } = await makeToken({ scope: 'decide' });
  const found = (await tokens.find(token)) as Principal;
  expect(found).toMatchObject({ kind: 'token', id, tenantId: 'acme', ownerId: 'ann' });
  expect([...found.scopes].sort()).toEqual(['approvals:decide', 'approvals:read', 'executions:read']);
  expect(scopeOf(found)).toEqual({
    tenantId: 'acme',
    ownerId: 'ann',
    seesTenant: false,
    roles: [],
    only: { executionId },
    keysOf: `token:ann:execution:${executionId}`,
  });
  const other = token.at(-1) === 'A' ? 'B' : 'A';
  for (const wrong of [token.slice(0, -1), `${token}A`, token.slice(0, -2) + other.repeat(2), '', 'ot_']) {
    expect(await tokens.find(wrong)).toBeUndefined();
  }
});

test('one that was made with the key of a tenant acts in the name of the key, and still sees one thing', async () => {
  const { threadNo } = await executionOf(db, await createIn(db));
  const { token } = await makeToken({ executionId: null, threadNo, madeBy: 'key:1', scope: 'write' });
  const found = (await tokens.find(token)) as Principal;
  expect(scopeOf(found)).toMatchObject({ ownerId: 'key:1', seesTenant: true, only: { threadNo } });
});

test('what is stored of a token opens nothing', async () => {
  const { id, token } = await makeToken();
  const { rows } = await db.pool.query('SELECT * FROM outlast.access_tokens WHERE id = $1', [id]);
  expect(JSON.stringify(rows)).not.toContain(token.slice(3));
  const [{ hash }] = rows as [{ hash: string }];
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await tokens.find(`ot_${hash}`)).toBeUndefined();
});

test('a token ends with its time, with the key it was made with, and when it is revoked', async () => {
  const [revokedKey, expiredKey, goodKey] = [
    await makeKey(),
    await makeKey(new Date(Date.now() - 1000)),
    await makeKey(),
  ];
  const good = await makeToken({ apiKeyId: goodKey.id });
  const ended = [
    await makeToken({ ttlSeconds: 0 }),
    await makeToken({ endsAt: new Date(Date.now() - 1000) }),
    await makeToken({ apiKeyId: revokedKey.id }),
    await makeToken({ apiKeyId: expiredKey.id }),
    await makeToken(),
  ];
  await revokeApiKey(db.orm, revokedKey.id);
  await revokeAccessToken(db.orm, ended[4]?.id ?? '');
  for (const { token } of ended) expect(await tokens.find(token)).toBeUndefined();
  expect(await tokens.find(good.token)).toMatchObject({ id: good.id });
  const ids = [good, ...ended].map(({ id }) => id);
  expect(await tokens.findActive(ids)).toEqual(new Set([good.id]));
});

test('it ends no later than what it was made with', async () => {
  const endsAt = new Date(Date.now() + 5000);
  expect((await makeToken({ endsAt })).expiresAt).toEqual(endsAt);
  const { expiresAt } = await makeToken({ endsAt, ttlSeconds: 1 });
  expect(expiresAt.getTime()).toBeLessThan(endsAt.getTime());
});

test('the table takes tokens for one thing only, and writes into threads alone', async () => {
  const { threadNo } = await executionOf(db, await createIn(db));
  for (const fields of [{ threadNo }, { executionId: null }, { scope: 'write' }] as const) {
    await expect(makeToken(fields)).rejects.toMatchObject({
      cause: { constraint: 'access_tokens_stream_check' },
    });
  }
});

test('a token is gone with its thread', async () => {
  const execution = await makeToken();
  const { threadNo } = await executionOf(db, execution.executionId);
  const thread = await makeToken({ executionId: null, threadNo, scope: 'write' });
  await db.pool.query('DELETE FROM outlast.threads WHERE no = $1', [threadNo]);
  for (const { token } of [execution, thread]) expect(await tokens.find(token)).toBeUndefined();
  const { rows } = await db.pool.query('SELECT id FROM outlast.access_tokens WHERE id = ANY($1)', [
    [execution.id, thread.id],
  ]);
  expect(rows).toEqual([]);
});

test('who asks for one while its thread is deleted waits, and then there is no such thing', async () => {
  const executionId = await createIn(db, 'going');
  const { threadNo } = await executionOf(db, executionId);
  const deleting = await db.pool.connect();
  await deleting.query('BEGIN');
  await deleting.query('DELETE FROM outlast.threads WHERE no = $1', [threadNo]);
  const nobody = { principal: OPEN_PRINCIPAL, scope: OPEN_SCOPE };
  const asked = [{ executionId }, { threadId: 'going' }].map((target) =>
    transaction(db, (tx) => giveToken(tx, nobody, target, { scope: 'read', ttlSeconds: 60 })),
  );
  const outcomes = Promise.allSettled(asked);
  await waitFor(
    async () => {
      const { rows } = await db.pool.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows[0]?.n === asked.length || undefined;
    },
    { describe: 'both to wait' },
  );
  await deleting.query('COMMIT');
  deleting.release();
  expect(await outcomes).toMatchObject([
    { status: 'rejected', reason: { code: 'not-found' } },
    { status: 'rejected', reason: { code: 'not-found' } },
  ]);
});
