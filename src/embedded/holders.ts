import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseIdentity } from './lock.ts';
import { isAlive, ownIdentity } from './processes.ts';

/** Writes down that this process uses the cluster, in a file of its own. Call it under the lock. */
export async function registerHolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${process.pid}-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(await ownIdentity()));
  return file;
}

/** How many holders live; the files of dead ones are removed. Call it under the lock. */
export async function countHolders(folder: string): Promise<number> {
  let living = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    const file = join(folder, name);
    const holder = parseIdentity(await readFile(file, 'utf8').catch(() => ''));
    if (holder && (await isAlive(holder))) living += 1;
    else await rm(file, { force: true });
  }
  return living;
}
