import pg from 'pg';

/** Something that a role may do with a table, or with one of its columns. */
export interface Grant {
  /** With its schema, as SQL has it. */
  readonly table: string;
  readonly column?: string;
  readonly privilege: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
}

/**
 * Lets a role use a schema and what is granted in it, where it may not yet: a second grant would write to the catalog,
 * and make others plan anew.
 */
export async function grantMissing(
  client: pg.ClientBase,
  role: string,
  schema: string,
  grants: readonly Grant[],
): Promise<void> {
  const to = pg.escapeIdentifier(role);
  const mayUse = await client.query(`SELECT WHERE has_schema_privilege($1, $2, 'USAGE')`, [role, schema]);
  if (mayUse.rowCount === 0)
    await client.query(`GRANT USAGE ON SCHEMA ${pg.escapeIdentifier(schema)} TO ${to}`);
  const { rows } = await client.query<Grant>(
    `SELECT g.table, g.column, g.privilege
     FROM unnest($2::text[], $3::text[], $4::text[]) AS g("table", "column", privilege)
     WHERE NOT CASE WHEN g.column IS NULL THEN has_table_privilege($1, g.table, g.privilege)
               ELSE has_column_privilege($1, g.table, g.column, g.privilege) END`,
    [
      role,
      grants.map(({ table }) => table),
      grants.map(({ column }) => column ?? null),
      grants.map(({ privilege }) => privilege),
    ],
  );
  for (const { table, column, privilege } of rows) {
    const columns = column === null || column === undefined ? '' : ` (${pg.escapeIdentifier(column)})`;
    await client.query(`GRANT ${privilege}${columns} ON ${table} TO ${to}`);
  }
}
