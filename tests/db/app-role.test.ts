import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { APP_ROLE, ensureAppRole } from '../../src/db/app-role.ts';
import { migrate } from '../../src/db/migrate.ts';
import { migrateDbos } from '../../src/dbos/migrate-dbos.ts';
import { PrivatePostgres } from '../crash/private-postgres.ts';
import { ask, run } from '../http/client.ts';
import { startServer } from '../support/server.ts';

/*
 * A cluster that knows nothing of Outlast yet: roles are of the whole cluster, and that of the test run has the role.
 * The tests are in the order of its life.
 */
let postgres: PrivatePostgres;
let superuser: pg.Client;

beforeAll(async () => {
  postgres = await PrivatePostgres.start();
  superuser = new pg.Client({ connectionString: postgres.url });
  superuser.on('error', () => undefined);
  await superuser.connect();
});
afterAll(async () => {
  await superuser.end();
  await postgres.dispose();
});

/** A database with an owner of its own, who may no more than is said. */
async function databaseOf(owner: string, attributes = ''): Promise<string> {
  await superuser.query(`CREATE ROLE ${owner} LOGIN PASSWORD 'secret' ${attributes}`);
  await superuser.query(`CREATE DATABASE ${owner} OWNER ${owner}`);
  return urlOf(owner);
}

function urlOf(owner: string): string {
  const url = new URL(postgres.url);
  url.username = owner;
  url.password = 'secret';
  url.pathname = `/${owner}`;
  return url.href;
}

/** Starts a server on it, which has to migrate first, and works with it. */
async function useServer(databaseUrl: string): Promise<void> {
  const server = await startServer({ databaseUrl });
  try {
    const input = 'call add {"a":1,"b":2}\n---\nsay three';
    expect(await run(server.url, { threadId: 't', input })).toMatchObject({ status: 'completed' });
    expect((await ask(server.url, '/threads/t', { method: 'DELETE' })).status).toBe(204);
    expect((await ask(server.url, '/threads')).json().data).toEqual([]);
  } finally {
    await server.dispose();
  }
}

test('a user who may make no role is told what a superuser has to run', async () => {
  const url = await databaseOf('plain');
  const failing = migrate(url, [migrateDbos]);
  await expect(failing).rejects.toThrow(`CREATE ROLE ${APP_ROLE} NOLOGIN;\n  GRANT ${APP_ROLE} TO "plain";`);
  const { rowCount } = await superuser.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [APP_ROLE]);
  expect(rowCount).toBe(0);
});

test('many that boot for the first time at once all have it', async () => {
  const url = await databaseOf('maker', 'CREATEROLE');
  const clients = Array.from({ length: 8 }, () => new pg.Client({ connectionString: url }));
  await Promise.all(clients.map((client) => client.connect()));
  for (let round = 0; round < 10; round++) {
    await superuser.query(`DROP ROLE IF EXISTS ${APP_ROLE}`);
    await Promise.all(clients.map((client) => ensureAppRole(client)));
    for (const client of clients) await client.query(`SET ROLE ${APP_ROLE}; RESET ROLE`);
  }
  await superuser.query(`DROP ROLE ${APP_ROLE}`);
  await Promise.all(clients.map((client) => client.end()));
});

test('a user who may make roles makes it and takes it', async () => {
  const url = urlOf('maker');
  await useServer(url);
  const { rows } = await superuser.query(
    `SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
            (SELECT count(*)::int FROM pg_shdepend
             WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o') AS owns
     FROM pg_roles r WHERE rolname = $1`,
    [APP_ROLE],
  );
  expect(rows).toEqual([
    {
      rolcanlogin: false,
      rolsuper: false,
      rolbypassrls: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      owns: 0,
    },
  ]);
});

test('a user who may not take the role of another is told so, and works once it was granted', async () => {
  const url = await databaseOf('granted');
  await expect(migrate(url, [migrateDbos])).rejects.toThrow(`GRANT ${APP_ROLE} TO "granted";`);
  await superuser.query(`GRANT ${APP_ROLE} TO granted`);
  await useServer(url);
});

test('nothing is granted a second time', async () => {
  const client = new pg.Client({ connectionString: urlOf('maker') });
  await client.connect();
  const versions = async () =>
    (
      await client.query(
        `SELECT xmin FROM pg_class UNION ALL SELECT xmin FROM pg_attribute UNION ALL SELECT xmin FROM pg_namespace
         UNION ALL SELECT xmin FROM pg_auth_members`,
      )
    ).rows;
  const before = await versions();
  await migrate(urlOf('maker'), [migrateDbos]);
  expect(await versions()).toEqual(before);
  await client.end();
});

test('a role that bypasses the policies is refused', async () => {
  const url = urlOf('maker');
  await superuser.query(`ALTER ROLE ${APP_ROLE} BYPASSRLS`);
  await expect(migrate(url, [])).rejects.toThrow('bypasses row-level security');
  await superuser.query(`ALTER ROLE ${APP_ROLE} NOBYPASSRLS`);
  await migrate(url, []);
});
