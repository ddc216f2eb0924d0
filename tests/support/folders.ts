import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopUnusedPostgres } from '../../src/embedded/postgres.ts';
import { bornOf } from '../../src/embedded/processes.ts';
import { silentLog } from './silent-log.ts';

const PREFIX = 'outlast-test-';

/** A fresh folder for a data directory; it carries our pid, so that a later run can tell that it is abandoned. */
export async function makeTestFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  // Tests may run as root, whose Postgres runs as another user and has to get in.
  await chmod(folder, 0o755);
  return folder;
}

/** Removes the folder and stops the Postgres in it, unless somebody still uses it. */
export async function removeTestFolder(folder: string): Promise<void> {
  if (await stopUnusedPostgres(folder, silentLog)) {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Clears away what test runs that were killed have left behind. */
export async function sweepTestFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number.parseInt(name.slice(PREFIX.length), 10);
    if ((await bornOf(pid)) === null) await removeTestFolder(join(tmpdir(), name)).catch(() => undefined);
  }
}
