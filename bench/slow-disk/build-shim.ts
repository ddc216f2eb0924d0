import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('slow-flush.c', import.meta.url));

/**
 * Compiles what makes flushes slow into a folder.
 * @returns its path, or why there is none: it takes Linux and a C compiler.
 */
export async function buildShim(folder: string): Promise<{ path: string } | { missing: string }> {
  if (process.platform !== 'linux') return { missing: 'LD_PRELOAD is for Linux' };
  const path = join(folder, 'slow-flush.so');
  try {
    await run('cc', ['-shared', '-fPIC', '-O2', '-o', path, SOURCE, '-ldl']);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { missing: 'there is no C compiler (cc)' };
    throw error;
  }
  // The user that Postgres runs as has to read it.
  await chmod(path, 0o755);
  return { path };
}
