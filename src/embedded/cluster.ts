import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, isRoot } from './account.ts';
import { type Binaries, POSTGRES_MAJOR } from './binaries.ts';
import { bareEnvironment } from './environment.ts';

const run = promisify(execFile);
const UNFINISHED = 'postgres.init-';

/** Name of the database superuser. */
export const OWNER = 'outlast';

/** One Postgres data directory with what is needed to open it. */
export interface Cluster {
  /** Where Postgres keeps its data (PGDATA). */
  data: string;
  password: string;
  /** The file that keeps the port of the last start, so that the address stays the same where it can. */
  portFile: string;
  /** The system user whose files these are. */
  account: Account;
}

/** Settings of a new cluster. They are written to its postgresql.conf and can be changed there. */
const SETTINGS = {
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** The cluster in this folder, made now if there is none. Call it under the lock. */
export async function openCluster(
  home: string,
  account: Account,
  findPrograms: () => Promise<Binaries>,
): Promise<{ cluster: Cluster; created: boolean }> {
  const folder = join(home, 'postgres');
  await removeUnfinished(home);
  const found = await findOwner(folder, account);
  if (!found) await createCluster(home, folder, account, await findPrograms());
  await checkVersion(folder);
  const cluster = {
    data: join(folder, 'data'),
    password: (await readFile(join(folder, 'password'), 'utf8')).trim(),
    portFile: join(home, 'postgres.port'),
    account: found && isRoot() ? found : account,
  };
  return { cluster, created: !found };
}

/** What is left of a start that was killed while it made the cluster. */
async function removeUnfinished(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith(UNFINISHED)) continue;
    // The orphaned initdb may still be writing for a moment: such removals are tried again.
    await rm(join(home, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** The user that the cluster is for. Root's own (a copy made by root) is given to the database user. */
async function findOwner(folder: string, account: Account): Promise<Account | null> {
  const owner = await readOwner(folder);
  if (owner?.uid !== 0 || account.uid === undefined) return owner;
  await run('chown', ['-R', `${account.uid}:${account.gid}`, folder]);
  return account;
}

/** Whose cluster it is; null when there is none. Anybody but root can only open his own. */
async function readOwner(folder: string): Promise<Required<Account> | null> {
  const found = await stat(join(folder, 'data')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw foreignCluster(folder, error);
  });
  if (!found) return null;
  const me = process.getuid?.() ?? found.uid;
  if (me !== 0 && me !== found.uid) throw foreignCluster(folder);
  return { uid: found.uid, gid: found.gid };
}

function foreignCluster(folder: string, cause?: Error): Error {
  return new Error(
    `The Postgres cluster in ${folder} belongs to another system user. Start as that user (or root), ` +
      'set OUTLAST_DATA_DIR to a folder of your own, or set DATABASE_URL.',
    { cause },
  );
}

async function checkVersion(folder: string): Promise<void> {
  const version = (await readFile(join(folder, 'data', 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (version === POSTGRES_MAJOR) return;
  throw new Error(
    `${folder} was made by Postgres ${version || '(unknown version)'}, this release brings ` +
      `${POSTGRES_MAJOR}. To keep the data, dump it with the release that made it and restore it; ` +
      `to begin anew, move ${folder} away; or set DATABASE_URL to a Postgres of your own.`,
  );
}

/** Made under another name and moved when complete, so that a crash never leaves half a cluster. */
async function createCluster(
  home: string,
  folder: string,
  account: Account,
  binaries: Binaries,
): Promise<void> {
  const temporary = join(home, `${UNFINISHED}${randomUUID()}`);
  const passwordFile = join(temporary, 'password');
  await mkdir(temporary, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(temporary, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  await initdb(binaries, join(temporary, 'data'), passwordFile, home, account);
  await rename(temporary, folder).catch((error) => {
    const text = `Cannot put the new Postgres cluster at ${folder}: ${error.message}. Move what is there away.`;
    throw new Error(text, { cause: error });
  });
  await syncFolder(home);
}

async function initdb(
  binaries: Binaries,
  data: string,
  passwordFile: string,
  cwd: string,
  account: Account,
): Promise<void> {
  const args = ['-D', data, `--username=${OWNER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  // The built-in provider sorts the same on every machine and needs no locale to be installed.
  args.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  for (const [name, value] of Object.entries(SETTINGS)) args.push('-c', `${name}=${value}`);
  try {
    await run(binaries.initdb, args, { ...account, cwd, env: bareEnvironment() });
  } catch (error) {
    const { stderr = '', code } = error as NodeJS.ErrnoException & { stderr?: string };
    const hint =
      code === 'ENOENT'
        ? 'The program is there but cannot be loaded: it needs glibc, which Alpine Linux does not have. '
        : '';
    throw new Error(
      `initdb failed: ${stderr.trim() || (error as Error).message}\n${hint}Or set DATABASE_URL.`,
      {
        cause: error,
      },
    );
  }
}

/** The rename itself has to survive a power cut; Windows cannot sync a folder, and journals it anyway. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
