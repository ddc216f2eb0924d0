import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Account, canUse, isRoot } from './account.ts';

/** Where data goes that its user could not reach in the folder asked for. */
const SYSTEM_FOLDER = '/var/lib/outlast';
/** Left in the folder asked for, so that every later start goes the same way, whatever the modes are then. */
const POINTER = 'postgres.location';

/** The folder that all files of the embedded Postgres are in. */
export interface Home {
  path: string;
  notice: string | null;
}

/** The data folder itself, or if root asks for one that the database user cannot enter, one elsewhere. */
export async function findHome(dataDir: string, account: Account): Promise<Home> {
  const asked = await makeFolder(resolve(dataDir));
  const moved = (await readFile(join(asked, POINTER), 'utf8').catch(() => '')).trim();
  if (moved) return { path: await makeFolder(moved), notice: notice(asked, moved) };
  if (await canUse(account, asked)) return { path: asked, notice: null };
  if (await exists(join(asked, 'postgres'))) {
    throw new Error(
      `${asked} holds a Postgres cluster, but its user (uid ${account.uid}) cannot enter that folder any ` +
        'more. Give all its parent folders the right to be entered (chmod o+x), or move it to another ' +
        'place and set OUTLAST_DATA_DIR.',
    );
  }
  return moveHome(asked, account);
}

async function moveHome(asked: string, account: Account): Promise<Home> {
  const hash = createHash('sha256').update(asked).digest('hex').slice(0, 12);
  const path = await makeFolder(join(SYSTEM_FOLDER, hash));
  if (!(await canUse(account, path))) {
    throw new Error(
      `The database user (uid ${account.uid}) can enter neither ${asked} nor ${path}. ` +
        'Set OUTLAST_DATA_DIR to a folder that every user can enter, or set DATABASE_URL.',
    );
  }
  await writeFile(join(asked, POINTER), `${path}\n`);
  return { path, notice: notice(asked, path) };
}

function notice(asked: string, path: string): string {
  return `Postgres does not run as root, and its user cannot enter ${asked}: the data is in ${path}`;
}

async function makeFolder(path: string): Promise<string> {
  try {
    const firstMade = await mkdir(path, { recursive: true });
    // A strict umask would keep the database user out of what was made just now.
    if (firstMade && isRoot()) await chmod(path, 0o755);
    return await realpath(path);
  } catch (error) {
    throw new Error(
      `Cannot make the data folder ${path}: ${(error as Error).message}. ` +
        'Set OUTLAST_DATA_DIR to a folder that can be written to, or set DATABASE_URL.',
      { cause: error },
    );
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
