import pg from 'pg';
import { APP_ROLE } from '../db/app-role.ts';
import { type Grant, grantMissing } from '../db/grant-missing.ts';

/**
 * What it takes to enqueue and to discard a segment in a transaction of the application. The tables hold ids of
 * executions and how their segments stand, of every tenant; what workflows were given and gave back stays unreadable.
 */
const GRANTS: readonly Grant[] = [
  { table: 'dbos.workflow_status', privilege: 'SELECT' },
  { table: 'dbos.workflow_status', privilege: 'INSERT' },
  // Where a workflow exists, DBOS sets what it has, to see it.
  { table: 'dbos.workflow_status', column: 'creator_xid', privilege: 'UPDATE' },
  { table: 'dbos.workflow_input', privilege: 'INSERT' },
  ...['workflow_status', 'workflow_input', 'workflow_output', 'operation_outputs'].flatMap(
    (name): Grant[] => [
      { table: `dbos.${name}`, privilege: 'DELETE' },
      { table: `dbos.${name}`, column: 'workflow_uuid', privilege: 'SELECT' },
    ],
  ),
];

/** Lets the application's role, which is there, do with DBOS's tables what its transactions do. */
export async function grantEnqueue(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'outlast migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await grantMissing(client, APP_ROLE, 'dbos', GRANTS);
  } finally {
    await client.end();
  }
}
