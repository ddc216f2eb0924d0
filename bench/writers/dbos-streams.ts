import { DBOS } from '@dbos-inc/dbos-sdk';

/** The key of the one stream that each workflow has. */
export const STREAM = 'chunks';

const QUIET = { info: () => undefined, debug: () => undefined, warn: () => undefined, error: console.error };

/** Launches DBOS in this process: writers and readers are of one application, but leave each other's work alone. */
export async function launchDbos(databaseUrl: string, executorID: string): Promise<void> {
  DBOS.setConfig({
    name: 'outlast-bench',
    systemDatabaseUrl: databaseUrl,
    systemDatabasePoolSize: 20,
    executorID,
    applicationVersion: 'bench',
    logger: QUIET,
  });
  await DBOS.launch();
}
