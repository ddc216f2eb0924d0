import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { sqlState } from './errors.ts';
import { type Grant, grantMissing } from './grant-missing.ts';

/**
 * What a request and an execution are worked on as: it owns nothing and does not bypass row-level security, so that
 * it sees the rows of the tenant that its transaction has set. Roles are of the whole cluster, so that many databases
 * and many first boots have this one in common.
 */
export const APP_ROLE = 'outlast_app';

/** Looked at before a tenant is known, which is what they tell. */
const NOT_FOR_APP = ['api_keys', 'apps'];
/** Read and written, and never changed. */
const APPEND_ONLY = ['audit_log'];
const TRIES = 20;
const RETRY_MS = 50;

/**
 * Makes the role, and lets the database user take it, where either is missing.
 * @throws Error that says what a superuser has to do, when the user may not
 */
export async function ensureAppRole(client: pg.ClientBase): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await createRole(client);
      return await letUserTakeIt(client);
    } catch (error) {
      if (sqlState(error) === '42501') throw await refused(client, error);
      // Another database of the cluster was at the same two rows of the catalog.
      if (!isRaced(error) || tries === TRIES) throw error;
    }
    await delay(RETRY_MS);
  }
}

async function createRole(client: pg.ClientBase): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [APP_ROLE]);
  if (rowCount === 0) await client.query(`CREATE ROLE ${APP_ROLE} NOLOGIN`);
}

async function letUserTakeIt(client: pg.ClientBase): Promise<void> {
  // Before Postgres 16 whoever was a member could take the role.
  const { rows } = await client.query<{ mayTake: boolean; isNew: boolean }>(
    `SELECT v >= 160000 AS "isNew",
            pg_has_role(current_user, $1, CASE WHEN v >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS "mayTake"
     FROM current_setting('server_version_num') AS s, CAST(s AS integer) AS v`,
    [APP_ROLE],
  );
  const [found] = rows;
  if (found?.mayTake === true) return;
  const options = found?.isNew === true ? ' WITH INHERIT FALSE, SET TRUE' : '';
  await client.query(`GRANT ${APP_ROLE} TO CURRENT_USER${options}`);
}

/** duplicate_object, unique_violation, and "tuple concurrently updated", which has no code of its own. */
function isRaced(error: unknown): boolean {
  return ['42710', '23505', 'XX000'].includes(sqlState(error) ?? '');
}

async function refused(client: pg.ClientBase, cause: unknown): Promise<Error> {
  const { rows } = await client.query<{ user: string }>('SELECT current_user AS user');
  const user = pg.escapeIdentifier(rows[0]?.user ?? '');
  return new Error(
    `The database user ${user} may not make the role ${APP_ROLE}, or not take it. As a superuser run what is missing, ` +
      `once for all databases:\n  CREATE ROLE ${APP_ROLE} NOLOGIN;\n  GRANT ${APP_ROLE} TO ${user};`,
    { cause },
  );
}

/**
 * Lets the role read and write what has a policy, and nothing else of ours: a table that forgot its policy cannot be
 * read by requests at all.
 * @throws Error when the policies would not hold for the role
 */
export async function grantToApp(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ table: string; privileges: Grant['privilege'][] }>(
    `SELECT c.oid::regclass::text AS table,
       CASE WHEN c.relkind = 'v' THEN '{SELECT}' WHEN c.relname = ANY ($2) THEN '{SELECT,INSERT}'
            ELSE '{SELECT,INSERT,UPDATE,DELETE}' END::text[] AS privileges
     FROM pg_class c
     WHERE c.relnamespace = 'outlast'::regnamespace AND c.relname <> ALL ($1)
       AND (c.relkind = 'r' AND c.relrowsecurity OR c.relkind = 'v' AND 'security_invoker=true' = ANY (c.reloptions))`,
    [NOT_FOR_APP, APPEND_ONLY],
  );
  const grants = rows.flatMap(({ table, privileges }): Grant[] =>
    privileges.map((privilege) => ({ table, privilege })),
  );
  await grantMissing(client, APP_ROLE, 'outlast', grants);
  await demandPolicies(client);
}

/** A superuser, a role that bypasses policies, and one that has what the owner of the tables has see every tenant's. */
async function demandPolicies(client: pg.ClientBase): Promise<void> {
  await client.query(`BEGIN; SET LOCAL ROLE ${APP_ROLE}`);
  try {
    const { rowCount } = await client.query(
      `SELECT 1 FROM pg_class WHERE relnamespace = 'outlast'::regnamespace AND relrowsecurity
         AND NOT row_security_active(oid)`,
    );
    if (rowCount === 0) return;
  } finally {
    await client.query('ROLLBACK');
  }
  throw new Error(
    `The role ${APP_ROLE} bypasses row-level security: it must be no superuser, have no BYPASSRLS, and be no member ` +
      'of the user who owns the tables of schema outlast',
  );
}
