import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { bornOf } from '../../src/embedded/processes.ts';

const run = promisify(execFile);

/** A pid namespace and /proc of its own, as a container has: nobody outside can be seen, and the other way round. */
export const OTHER_HOST = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

/** Whether processes here can be given a pid namespace of their own; root can, as a rule. */
export async function canIsolate(): Promise<boolean> {
  const [program, ...args] = OTHER_HOST;
  return run(program, [...args, 'true']).then(
    () => true,
    () => false,
  );
}

/** What a worker's row says of its process, seen from outside of its namespace. */
export interface Identity {
  pid: number;
  /** What itself takes for its pid, inside of its namespace. */
  innerPid: number;
  pidNamespace: string;
  processStart: string;
}

/** @throws when the process is gone */
export async function identityOf(pid: number): Promise<Identity> {
  const processStart = await bornOf(pid);
  if (processStart === null) throw new Error(`There is no process ${pid}`);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const innerPid = Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? pid);
  return { pid, innerPid, processStart, pidNamespace: await readlink(`/proc/${pid}/ns/pid`) };
}

/** The one child of a process; undefined when it has none (any more). */
export async function onlyChild(pid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const child = Number(children.trim().split(' ')[0]);
  return child > 0 ? child : undefined;
}
