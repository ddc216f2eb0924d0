import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type EncryptionKeys, parseEncryptionKeys } from './encryption-keys.ts';

const FILE = 'encryption.key';

/**
 * The keys that secrets are encrypted with: those of the configuration; beside an embedded database one that is made
 * once and kept with it, readable by its user only. Whoever has several processes on a database of their own has to
 * say it, for each process has to have the same: without it there are none.
 */
export async function findEncryptionKeys(
  config: Pick<Config, 'OUTLAST_ENCRYPTION_KEY' | 'DATABASE_URL' | 'OUTLAST_DATA_DIR'>,
): Promise<EncryptionKeys | undefined> {
  if (config.OUTLAST_ENCRYPTION_KEY !== undefined) return parseEncryptionKeys(config.OUTLAST_ENCRYPTION_KEY);
  if (config.DATABASE_URL !== undefined) return undefined;
  return parseEncryptionKeys(await keepKey(config.OUTLAST_DATA_DIR));
}

/** Two servers on one folder may both be at this: the file appears whole, and once. */
async function keepKey(folder: string): Promise<string> {
  const file = join(folder, FILE);
  const kept = await readKey(file);
  if (kept !== undefined) return kept;
  await mkdir(folder, { recursive: true });
  const own = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(own, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(own, { force: true });
  }
  return (await readKey(file)) ?? '';
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
