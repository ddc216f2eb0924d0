import { DBOS } from '@dbos-inc/dbos-sdk';

/** Brings DBOS's own schema to the version of the installed SDK. Not safe to run twice at once. */
export async function migrateDbos(databaseUrl: string): Promise<void> {
  await DBOS.migrate(databaseUrl);
}
