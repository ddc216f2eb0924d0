import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { type Database, ofTenant, openDatabase, runQuery, transaction } from '../../src/db/database.ts';
import { sqlState } from '../../src/db/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';
import { dropConstraints, insertionOf, tablesOf } from './any-row.ts';

/** Tables without a tenant, and why. None of them can be read by the role of the application. */
const WITHOUT_TENANT = {
  migrations: 'which version the schema has',
  rate_limits: 'how much is left to a key that names whoever is limited, of any tenant',
  schedule_clock: 'when a worker last looked for what is due, of any tenant',
  workers: 'describes processes, which work for all tenants',
};
/** What the role of the application has no business with, though it has a tenant. */
const HIDDEN = ['api_keys', 'apps'];
/** What it reads and writes, and never changes. */
const APPEND_ONLY = ['audit_log'];

const POLICY = `(tenant_id = ( SELECT NULLIF(current_setting('outlast.tenant_id'::text, true), ''::text) AS "nullif"))`;
const HOW =
  'a migration ends with ALTER TABLE … ENABLE ROW LEVEL SECURITY and CREATE POLICY "tenant" …, as in 0012';

let database: TestDatabase;
let system: Database;
let app: Database;
let tables: string[];

const UNSENDABLE = {
  toPostgres: () => {
    throw new Error('not to be sent');
  },
};

beforeAll(async () => {
  database = await createTestDatabase();
  const pool = { url: database.url, poolSize: 1, idleTransactionMs: 5000, onError: () => undefined };
  system = openDatabase({ ...pool, poolSize: 2 });
  // One connection, so that whatever a transaction leaves on it meets the next one.
  app = openDatabase({ ...pool, role: APP_ROLE });
  await dropConstraints(system.pool);
  tables = (await tablesOf(system.pool)).ofTenants;
  for (const tenantId of ['acme', 'globex'])
    for (const table of tables) await system.pool.query(await insertionOf(system.pool, table, tenantId));
});
afterAll(async () => {
  await app.close();
  await system.close();
  await database.drop();
});

const acme = () => ofTenant(app, 'acme');
const readable = () => tables.filter((table) => !HIDDEN.includes(table));

const changeable = () => readable().filter((table) => !APPEND_ONLY.includes(table));

/** Whose rows a query for all rows of a table finds. */
async function tenantsIn(db: Database, table: string): Promise<string[]> {
  const { rows } = await db.orm.execute<{ tenant_id: string }>(
    sql`SELECT tenant_id FROM ${sql.identifier('outlast')}.${sql.identifier(table)} ORDER BY 1`,
  );
  return rows.map((row) => row.tenant_id);
}

async function stateOf(failing: Promise<unknown>): Promise<string | undefined> {
  return failing.then(
    () => 'none',
    (error: unknown) => sqlState(error),
  );
}

describe('each table', () => {
  test('has a tenant, or a reason to have none', async () => {
    expect((await tablesOf(system.pool)).others).toEqual(Object.keys(WITHOUT_TENANT));
  });

  test(`that has a tenant has the policy: ${HOW}`, async () => {
    const { rows } = await system.pool.query(
      `SELECT c.relname AS table, c.relrowsecurity AS enabled, p.policyname AS policy, p.permissive, p.roles::text[],
              p.cmd, p.qual, coalesce(p.with_check, p.qual) AS "withCheck"
       FROM pg_class c LEFT JOIN pg_policies p ON (p.schemaname, p.tablename) = ('outlast', c.relname)
       WHERE c.relnamespace = 'outlast'::regnamespace AND c.relname = ANY ($1) ORDER BY 1`,
      [tables],
    );
    const policy = { policy: 'tenant', permissive: 'PERMISSIVE', roles: ['public'], cmd: 'ALL' };
    const expected = { enabled: true, ...policy, qual: POLICY, withCheck: POLICY };
    expect(rows).toEqual(tables.map((table) => ({ table, ...expected })));
  });

  test('is read through views as whoever asks', async () => {
    const { rows } = await system.pool.query(
      `SELECT relname AS view, coalesce(reloptions, '{}') AS options FROM pg_class
       WHERE relnamespace = 'outlast'::regnamespace AND relkind IN ('v', 'm')`,
    );
    expect(rows).toEqual(rows.map(({ view }) => ({ view, options: ['security_invoker=true'] })));
    expect(rows).not.toEqual([]);
  });
});

describe('a query that forgot its scope', () => {
  test('returns the rows of the tenant that is set, and of nobody else', async () => {
    for (const table of readable()) {
      expect([table, await tenantsIn(system, table)]).toEqual([table, ['acme', 'globex']]);
      expect([table, await tenantsIn(acme(), table)]).toEqual([table, ['acme']]);
      expect([table, await tenantsIn(ofTenant(app, 'initech'), table)]).toEqual([table, []]);
    }
  });

  test('returns nothing where no tenant is set, or an empty one', async () => {
    for (const table of readable()) {
      expect([table, await tenantsIn(app, table)]).toEqual([table, []]);
      expect([table, await tenantsIn(ofTenant(app, ''), table)]).toEqual([table, []]);
      expect([table, await transaction(app, (tx) => tenantsIn({ ...app, orm: tx }, table))]).toEqual([
        table,
        [],
      ]);
    }
  });

  test('returns the same in a transaction and by a statement written by hand', async () => {
    for (const table of readable()) {
      const inTransaction = await transaction(acme(), (tx) => tenantsIn({ ...app, orm: tx }, table));
      expect([table, inTransaction]).toEqual([table, ['acme']]);
      const byHand = { name: `all-${table}`, text: `SELECT tenant_id FROM outlast.${table}`, values: [] };
      expect([table, await runQuery(acme(), byHand)]).toEqual([table, [{ tenant_id: 'acme' }]]);
      expect([table, await runQuery(app, byHand)]).toEqual([table, []]);
    }
  });

  test('does not get at keys, processes and migrations at all', async () => {
    for (const table of [...HIDDEN, ...Object.keys(WITHOUT_TENANT)])
      expect([table, await stateOf(acme().pool.query(`SELECT 1 FROM outlast.${table}`))]).toEqual([
        table,
        '42501',
      ]);
  });

  test('changes and deletes nothing at all of what is written down for good', async () => {
    for (const table of APPEND_ONLY) {
      const name = sql.identifier(table);
      for (const change of [
        sql`UPDATE outlast.${name} SET tenant_id = tenant_id`,
        sql`DELETE FROM outlast.${name}`,
        sql`TRUNCATE outlast.${name}`,
      ]) {
        const changing = transaction(acme(), async (tx) => {
          // By which maintenance is let through: it is not enough.
          await tx.execute(sql`SET LOCAL outlast.audit_retention = 'on'`);
          await tx.execute(change);
        });
        await expect(changing).rejects.toMatchObject({
          cause: { code: '42501', message: expect.stringContaining('permission denied') },
        });
      }
      expect(await tenantsIn(system, table)).toEqual(['acme', 'globex']);
    }
  });

  test('changes and deletes nothing of others', async () => {
    for (const table of changeable()) {
      const name = sql.identifier(table);
      const changed = await transaction(acme(), async (tx) => {
        const updated = await tx.execute(sql`UPDATE outlast.${name} SET tenant_id = tenant_id`);
        const deleted = await tx.execute(sql`DELETE FROM outlast.${name}`);
        await tx.execute(sql`ROLLBACK`);
        return [updated.rowCount, deleted.rowCount];
      });
      expect([table, changed]).toEqual([table, [1, 1]]);
      expect((await app.orm.execute(sql`DELETE FROM outlast.${name}`)).rowCount).toBe(0);
    }
  });
});

describe('a write', () => {
  test('of another tenant’s row is refused', async () => {
    for (const table of readable()) {
      const foreign = await insertionOf(system.pool, table, 'globex');
      expect([table, await stateOf(acme().orm.execute(sql.raw(foreign)))]).toEqual([table, '42501']);
      expect([table, await stateOf(app.orm.execute(sql.raw(foreign)))]).toEqual([table, '42501']);
      const moved = sql`UPDATE outlast.${sql.identifier(table)} SET tenant_id = 'globex'`;
      expect([table, await stateOf(transaction(acme(), (tx) => tx.execute(moved)))]).toEqual([
        table,
        '42501',
      ]);
    }
  });

  test('of its own is not', async () => {
    await acme().orm.execute(sql.raw(await insertionOf(system.pool, 'idempotency_keys', 'acme')));
    expect(await tenantsIn(acme(), 'idempotency_keys')).toEqual(['acme', 'acme']);
    await acme().orm.execute(sql`DELETE FROM outlast.idempotency_keys WHERE ctid = (
      SELECT min(ctid) FROM outlast.idempotency_keys)`);
  });
});

describe('the connection', () => {
  const carried = async () => {
    const { rows } = await app.pool.query(
      `SELECT current_setting('outlast.tenant_id', true) AS tenant, current_user AS role,
         pg_backend_pid() AS pid, (SELECT count(*)::int FROM outlast.threads) AS threads`,
    );
    return rows[0] as { tenant: string | null; role: string; pid: number; threads: number };
  };

  test.each<[string, () => Promise<unknown>]>([
    ['committed', () => transaction(acme(), (tx) => tx.execute(sql`SELECT 1`))],
    ['threw', () => transaction(acme(), () => Promise.reject(new Error('no')))],
    ['failed in Postgres', () => transaction(acme(), (tx) => tx.execute(sql`SELECT 1 / 0`))],
    ['was a single query', () => acme().orm.execute(sql`SELECT 1`)],
    ['was a single query that failed', () => acme().orm.execute(sql`SELECT 1 / 0`)],
    ['was a single query that cannot be parsed', () => acme().orm.execute(sql`SELEKT 1`)],
    [
      'was a prepared query that failed',
      () => runQuery(acme(), { name: 'f', text: 'SELECT 1/$1::int', values: [0] }),
    ],
    ['was a query with a value that cannot be sent', () => acme().orm.execute(sql`SELECT ${UNSENDABLE}`)],
  ])('carries no tenant after a transaction that %s, and is used again', async (_, work) => {
    const { pid } = await carried();
    await work().catch(() => undefined);
    expect(await carried()).toEqual({ tenant: '', role: APP_ROLE, pid, threads: 0 });
    expect(await tenantsIn(acme(), 'threads')).toEqual(['acme']);
  });

  test('that breaks under a single query is not used again', async () => {
    const { pid } = await carried();
    const breaking = stateOf(runQuery(acme(), { name: 'long', text: 'SELECT pg_sleep(60)', values: [] }));
    await waitFor(
      async () => {
        const { rowCount } = await system.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'`,
          [pid],
        );
        return rowCount === 1;
      },
      { describe: 'the query to run' },
    );
    expect(await breaking).toBe('57P01');
    const now = await carried();
    expect(now).toMatchObject({ role: APP_ROLE, threads: 0 });
    expect(now.pid).not.toBe(pid);
  });

  test('stays in its role when somebody resets it', async () => {
    for (const statement of ['RESET ROLE', 'RESET ALL', 'ROLLBACK', 'SET ROLE DEFAULT'])
      await app.pool.query(statement).catch(() => undefined);
    expect(await carried()).toMatchObject({ role: APP_ROLE, threads: 0 });
  });

  test('takes its role also where the URL has options of its own', async () => {
    const url = `${database.url}?options=${encodeURIComponent('-c work_mem=7MB')}`;
    const other = openDatabase({
      url,
      poolSize: 1,
      idleTransactionMs: 5000,
      onError: () => undefined,
      role: APP_ROLE,
    });
    const { rows } = await other.pool.query(
      `SELECT current_user AS role, current_setting('work_mem') AS memory`,
    );
    await other.close();
    expect(rows).toEqual([{ role: APP_ROLE, memory: '7MB' }]);
  });
});

test.each([`ac'me`, String.raw`ac\'me`, `'; RESET ROLE; --`, `\\`, '"', 'ünïcødé'])(
  'a tenant may be called %s',
  async (tenantId) => {
    const { rows } = await ofTenant(app, tenantId).orm.execute(
      sql`SELECT current_setting('outlast.tenant_id') AS tenant, current_user AS role`,
    );
    expect(rows).toEqual([{ tenant: tenantId, role: APP_ROLE }]);
  },
);
