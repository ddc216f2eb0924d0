import type pg from 'pg';

/** A value of each type that our tables have. */
const VALUES: Record<string, string> = {
  text: 'gen_random_uuid()::text',
  uuid: 'gen_random_uuid()',
  integer: '(random() * 1e9)::integer',
  bigint: '(random() * 1e15)::bigint',
  json: `'{}'::json`,
  boolean: 'true',
  bytea: `''::bytea`,
  ARRAY: `'{}'`,
  'timestamp with time zone': 'now()',
};

/** Names of the tables of schema outlast: those that hold a tenant's rows, and the others. */
export async function tablesOf(pool: pg.Pool): Promise<{ ofTenants: string[]; others: string[] }> {
  const { rows } = await pool.query<{ name: string; isOfTenants: boolean }>(
    `SELECT t.table_name AS name, EXISTS (
       SELECT 1 FROM information_schema.columns c
       WHERE (c.table_schema, c.table_name, c.column_name) = (t.table_schema, t.table_name, 'tenant_id')) AS "isOfTenants"
     FROM information_schema.tables t WHERE t.table_schema = 'outlast' AND t.table_type = 'BASE TABLE' ORDER BY 1`,
  );
  const names = (isOfTenants: boolean) =>
    rows.filter((row) => row.isOfTenants === isOfTenants).map(({ name }) => name);
  return { ofTenants: names(true), others: names(false) };
}

/** Takes from the tables what a row must be like, so that one of each can be put in without all that it hangs on. */
export async function dropConstraints(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ drop: string }>(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop
     FROM pg_constraint WHERE connamespace = 'outlast'::regnamespace AND contype IN ('c', 'f')`,
  );
  for (const { drop } of rows) await pool.query(drop);
}

/** An INSERT of some row of a tenant into any of the tables, whatever its columns. */
export async function insertionOf(pool: pg.Pool, table: string, tenantId: string): Promise<string> {
  const { rows } = await pool.query<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'outlast' AND table_name = $1 AND is_nullable = 'NO' AND is_identity = 'NO'`,
    [table],
  );
  const values = rows.map(({ name, type }) => (name === 'tenant_id' ? `'${tenantId}'` : VALUES[type]));
  return `INSERT INTO outlast.${table} (${rows.map(({ name }) => `"${name}"`).join(', ')})
          VALUES (${values.join(', ')})`;
}
