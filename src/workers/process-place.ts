import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ownIdentity } from '../embedded/processes.ts';

/** Where a process runs, as far as another one on the same host can check whether it still lives. */
export interface ProcessPlace {
  host: string;
  /** Pids mean something only within one boot and one pid namespace (a container has its own). */
  pidNamespace: string;
  pid: number;
  /** When the process was born, with the boot; a pid alone may be given out again. */
  processStart: string;
}

/** The place of this process. */
export async function ownPlace(): Promise<ProcessPlace> {
  const { pid, born } = await ownIdentity();
  return { host: hostname(), pidNamespace: await ownPidNamespace(), pid, processStart: born };
}

async function ownPidNamespace(): Promise<string> {
  return readlink('/proc/self/ns/pid').catch(() => hostname());
}
