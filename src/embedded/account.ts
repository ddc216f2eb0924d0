import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The system user that Postgres runs as, in the form that `spawn` takes. Empty: the user of this process. */
export interface Account {
  uid?: number;
  gid?: number;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Postgres refuses to run as root, so root needs another user for it; everybody else runs it as himself. */
export async function chooseAccount(): Promise<Account> {
  if (!isRoot()) return {};
  const account =
    (await lookUp('postgres')) ??
    (await lookUp('_postgres')) ??
    (await lookUp('nobody')) ??
    (await createAccount());
  if (account) return account;
  throw new Error(
    'Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as. ' +
      'Create one (useradd --system postgres), start as another user, or set DATABASE_URL.',
  );
}

/** Whether the account can use a path: enter it if it is a folder, run it if it is a file. */
export async function canUse(account: Account, path: string): Promise<boolean> {
  if (account.uid === undefined) return true;
  // Asked of the system itself, for access lists and mounts count as well as the mode.
  const script = 'if [ -d "$1" ]; then cd "$1"; else test -x "$1"; fi';
  return run('/bin/sh', ['-c', script, 'sh', path], { ...account, cwd: '/' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPERM') throw cannotSwitch(account, error);
      return false;
    },
  );
}

function cannotSwitch(account: Account, cause: Error): Error {
  return new Error(
    `This process is root but may not start Postgres as user ${account.uid} (a container without ` +
      'CAP_SETUID?). Start as another user, or set DATABASE_URL.',
    { cause },
  );
}

async function lookUp(name: string): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    const account = { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    return account.uid > 0 ? account : null;
  } catch {
    return null;
  }
}

async function createAccount(): Promise<Account | null> {
  await run('useradd', ['--system', '--no-create-home', '--user-group', 'postgres']).catch(() => undefined);
  return lookUp('postgres');
}
