import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { asc, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { disableApp } from '../../src/apps/disable-app.ts';
import { SUBJECT_OF } from '../../src/audit/actions.ts';
import { COMMAND } from '../../src/audit/actor.ts';
import { listAudit } from '../../src/audit/list-audit.ts';
import { recordAudit } from '../../src/audit/record-audit.ts';
import { createApiKey } from '../../src/auth/create-api-key.ts';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import type { Database } from '../../src/db/database.ts';
import { sqlState } from '../../src/db/errors.ts';
import { apiKeys, auditLog } from '../../src/db/schema.ts';
import { removeAuditEntries } from '../../src/retention/remove-audit-entries.ts';
import { makeApp, SHOP } from '../apps/world.ts';
import { openPool } from '../support/log-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openPool(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const acme = { tenantId: 'acme', ownerId: 'key:1', seesTenant: true };

/** An entry of a tenant of its own, written so long ago. */
async function insertEntry(tenantId: string, daysAgo: number): Promise<string> {
  const at = Date.now() - daysAgo * 86_400_000;
  // As it would have been made then: ids begin with the time.
  const id =
    at
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-') + uuidv7().slice(13);
  await db.orm.insert(auditLog).values({
    id,
    tenantId,
    actorKind: 'user',
    actor: 'ann',
    action: 'thread.created',
    subjectType: 'thread',
    subjectId: 't',
    at: new Date(at),
  });
  return id;
}

async function idsOf(tenantId: string): Promise<string[]> {
  const rows = await db.orm
    .select({ id: auditLog.id })
    .from(auditLog)
    .where(sql`tenant_id = ${tenantId}`)
    .orderBy(asc(auditLog.at));
  return rows.map(({ id }) => id);
}

async function stateOf(failing: Promise<unknown>): Promise<string | undefined> {
  return failing.then(
    () => 'none',
    (error: unknown) => sqlState(error),
  );
}

describe('what was written down', () => {
  test.each([
    'UPDATE outlast.audit_log SET actor = actor',
    "UPDATE outlast.audit_log SET details = '{}' WHERE false",
    'DELETE FROM outlast.audit_log',
    'TRUNCATE outlast.audit_log',
    'INSERT INTO outlast.audit_log SELECT * FROM outlast.audit_log ON CONFLICT (id) DO UPDATE SET actor = $$x$$',
  ])('stays as it is, also for the owner of the table: %s', async (statement) => {
    const id = await insertEntry(uuidv7(), 0);
    expect(await stateOf(db.orm.execute(sql.raw(statement)))).toBe('42501');
    expect(await db.orm.$count(auditLog, sql`id = ${id} AND actor = 'ann'`)).toBe(1);
  });

  test('goes after the retention time, in batches, and not before', async () => {
    const old = await Promise.all(Array.from({ length: 600 }, (_, i) => insertEntry('retained', 31 + i)));
    const kept = [await insertEntry('retained', 29.9), await insertEntry('retained', 0)];
    const batches: unknown[] = [];
    for await (const done of removeAuditEntries(db, 30)) batches.push(done);
    expect(batches).toEqual([{ auditEntriesRemoved: 500 }, { auditEntriesRemoved: old.length - 500 }]);
    expect(await idsOf('retained')).toEqual(kept);
    expect(await stateOf(db.orm.execute(sql`DELETE FROM outlast.audit_log`))).toBe('42501');
  });
});

describe('at the command line', () => {
  const request = { name: 'ci', tenantId: 'keys', ownerId: 'ann', expiresAt: null };
  const scope = { tenantId: 'keys', ownerId: 'ann' };
  const entries = async () => (await listAudit(db.orm, scope, {}, { limit: 50 })).data;

  test('a key that is made, and one that is revoked, is written down once', async () => {
    const { id, key } = await createApiKey(db.orm, { ...request, scopes: ['admin'] });
    const prefix = key.slice(0, 20);
    const by = { actorKind: 'command', actor: 'command', ownerId: 'ann', requestId: null };
    const subject = { ...by, subjectType: 'key', subjectId: id, executionId: null, threadId: null };
    const details = { name: 'ci', prefix };
    const made = {
      ...subject,
      action: 'key.created',
      details: { ...details, scopes: ['admin'], expiresAt: null },
    };
    expect(await entries()).toMatchObject([made]);
    for (let i = 0; i < 2; i++) expect(await revokeApiKey(db.orm, prefix)).toBe(true);
    expect(await entries()).toMatchObject([{ ...subject, action: 'key.revoked', details }, made]);
    expect(await revokeApiKey(db.orm, 'ok_live_000000000000')).toBe(false);
    expect(await entries()).toHaveLength(2);
    expect(JSON.stringify(await entries())).not.toContain(key.slice(20));
  });

  test('neither is done when it cannot be written down', async () => {
    const { id } = await createApiKey(db.orm, { ...request, scopes: ['admin'] });
    const count = await db.orm.$count(apiKeys);
    await db.orm.execute(sql`ALTER TABLE outlast.audit_log ADD CONSTRAINT refusing CHECK (false) NOT VALID`);
    try {
      expect(await stateOf(createApiKey(db.orm, { ...request, scopes: ['admin'] }))).toBe('23514');
      expect(await stateOf(revokeApiKey(db.orm, id))).toBe('23514');
    } finally {
      await db.orm.execute(sql`ALTER TABLE outlast.audit_log DROP CONSTRAINT refusing`);
    }
    expect(await db.orm.$count(apiKeys)).toBe(count);
    expect(await db.orm.$count(apiKeys, sql`id = ${id} AND revoked_at IS NULL`)).toBe(1);
  });
});

test('an app that is made, and one that is disabled, is written down once', async () => {
  const id = await makeApp(db, { tenantId: 'apps' });
  for (let i = 0; i < 2; i++) expect(await disableApp(db.orm, id)).toBe(true);
  const { data } = await listAudit(db.orm, { ...acme, tenantId: 'apps' }, {}, { limit: 50 });
  const subject = { actorKind: 'command', ownerId: null, subjectType: 'app', subjectId: id };
  expect(data).toMatchObject([
    { ...subject, action: 'app.disabled', details: { name: 'shop' } },
    { ...subject, action: 'app.created', details: { name: 'shop', allowedOrigins: [SHOP] } },
  ]);
});

describe('the list', () => {
  const executionId = uuidv7();

  beforeAll(async () => {
    const entry = { tenantId: 'acme', ownerId: 'ann', subjectId: 's' };
    await recordAudit(
      db.orm,
      { kind: 'user', id: 'ann' },
      { ...entry, action: 'thread.created', threadId: 't' },
    );
    await recordAudit(
      db.orm,
      { kind: 'user', id: 'bob' },
      { ...entry, action: 'execution.started', executionId },
    );
    await recordAudit(db.orm, COMMAND, { ...entry, action: 'key.created', ownerId: null });
    await recordAudit(db.orm, COMMAND, { ...entry, action: 'key.created', tenantId: 'globex' });
  });

  const actions = async (scope: Parameters<typeof listAudit>[1], filter = {}) =>
    (await listAudit(db.orm, scope, filter, { limit: 50 })).data.map(({ action }) => action);

  test('shows each caller what was done to the things that they see, newest first', async () => {
    expect(await actions(acme)).toEqual(['key.created', 'execution.started', 'thread.created']);
    expect(await actions({ tenantId: 'acme', ownerId: 'ann' })).toEqual([
      'execution.started',
      'thread.created',
    ]);
    for (const stranger of [
      { tenantId: 'acme', ownerId: 'bob' },
      { tenantId: 'initech', ownerId: 'ann' },
      { tenantId: 'initech', ownerId: 'ann', seesTenant: true },
    ]) {
      expect(await actions(stranger)).toEqual([]);
    }
  });

  test.each<[Parameters<typeof listAudit>[2], string[]]>([
    [{ action: ['key.created', 'thread.created'] }, ['key.created', 'thread.created']],
    [{ actor: 'bob' }, ['execution.started']],
    [{ subjectType: 'key' }, ['key.created']],
    [{ subjectType: 'key', subjectId: 'other' }, []],
    [{ executionId }, ['execution.started']],
    [{ threadId: 't' }, ['thread.created']],
    [{ createdAfter: new Date('2100-01-01') }, []],
    [{ createdBefore: new Date('2000-01-01') }, []],
  ])('of %j', async (filter, expected) => {
    expect(await actions(acme, filter)).toEqual(expected);
  });

  test.each([
    ['a tenant', 'audit_log_list_idx', sql``],
    ['a subject', 'audit_log_subject_idx', sql`AND subject_id = '7'`],
  ])('of %s is read in its order from an index', async (_, index, condition) => {
    await db.orm.execute(sql`
      INSERT INTO outlast.audit_log (id, tenant_id, actor_kind, actor, action, subject_type, subject_id)
      SELECT gen_random_uuid(), 'crowd', 'user', 'ann', 'thread.created', 'thread', n % 100
      FROM generate_series(1, 5000) AS n`);
    await db.orm.execute(sql`ANALYZE outlast.audit_log`);
    const { rows } = await db.orm.execute<{ 'QUERY PLAN': string }>(sql`
      EXPLAIN SELECT * FROM outlast.audit_log WHERE tenant_id = 'crowd' ${condition}
      ORDER BY at DESC, id DESC LIMIT 51`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain(`Index Scan Backward using ${index}`);
    expect(plan).not.toContain('Sort');
  });
});

test('the page of the audit log has each action, with what it is about', async () => {
  const page = await readFile('docs/audit.md', 'utf8');
  const documented = [...page.matchAll(/^\| `(\w+\.\w+)` +\| (\w+) +\|/gm)].map(([, action, subject]) => [
    action,
    subject,
  ]);
  expect(documented).toEqual(Object.entries(SUBJECT_OF));
});
