import { DBOS } from '@dbos-inc/dbos-sdk';
import { grantEnqueue } from './grant-enqueue.ts';

/** Brings DBOS's own schema to the version of the installed SDK. Not safe to run twice at once. */
export async function migrateDbos(databaseUrl: string): Promise<void> {
  await DBOS.migrate(databaseUrl);
  await grantEnqueue(databaseUrl);
}
