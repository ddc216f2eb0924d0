import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Names one process for good: its pid may be given to another one later, pid and birth together may not. */
export interface ProcessIdentity {
  pid: number;
  born: string;
}

/** Where the system does not tell when a process was born, its pid alone has to do. */
const UNKNOWN = 'unknown';

/** The identity of this process, to be written down and checked with {@link isAlive} by others. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, born: (await bornOf(process.pid)) ?? UNKNOWN };
}

/** Whether that very process still runs. A zombie does not. */
export async function isAlive({ pid, born }: ProcessIdentity): Promise<boolean> {
  const now = await bornOf(pid);
  return now !== null && (now === born || now === UNKNOWN || born === UNKNOWN);
}

/** When the process was born, as an opaque string; null when there is no such process. */
export async function bornOf(pid: number): Promise<string | null> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (!isPidTaken(pid)) return null;
  if (process.platform === 'linux') return bornOnLinux(pid);
  if (process.platform === 'win32') return UNKNOWN;
  return bornByPs(pid);
}

/** Whether the process is the main Postgres process of this data folder. When nothing can be seen: yes. */
export async function isPostmasterOf(pid: number, pgdata: string): Promise<boolean> {
  if ((await bornOf(pid)) === null) return false;
  if (process.platform === 'linux') return isPostmasterOnLinux(pid, pgdata);
  if (process.platform === 'win32') {
    const { stdout } = await run('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH']);
    return stdout.toLowerCase().includes('postgres');
  }
  const command = await ps('command=', pid);
  return command === null || (/postgres(\s|$)/.test(command) && command.includes(`-D ${pgdata}`));
}

/** Whether any process has this pid, be it a zombie: what Postgres asks about the pid in its lock file. */
export function isPidTaken(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function bornOnLinux(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The pid was there a moment ago: it is gone by now, or /proc hides the processes of others (hidepid).
  if (stat === null) return isPidTaken(pid) ? UNKNOWN : null;
  // The second field is the name in parentheses and may hold anything; state is the third, start the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  // Counted from boot, so that after a reboot the same number may come again.
  return `${await bootId()}/${fields[19]}`;
}

let boot: Promise<string> | undefined;
function bootId(): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => 'boot',
  );
  return boot;
}

async function isPostmasterOnLinux(pid: number, pgdata: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (commandLine === null) return isPidTaken(pid);
  const args = commandLine.split('\0');
  if (basename(args[0] ?? '') !== 'postgres') return false;
  if (args.includes(pgdata)) return true;
  // Started by hand with a relative path. Root without CAP_SYS_PTRACE (Docker) may not read this link.
  return (await readlink(`/proc/${pid}/cwd`).catch(() => null)) === pgdata;
}

async function bornByPs(pid: number): Promise<string | null> {
  const started = await ps('lstart=', pid);
  return started ?? (isPidTaken(pid) ? UNKNOWN : null);
}

/** One column of `ps`; null when the process is gone or there is no `ps`. */
async function ps(column: string, pid: number): Promise<string | null> {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const answer = await run('ps', ['-ww', '-o', column, '-p', String(pid)], { env }).catch(() => null);
  return answer?.stdout.trim() || null;
}
