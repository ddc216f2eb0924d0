import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { withLock } from '../../src/embedded/lock.ts';
import { makeTestFolder } from '../support/folders.ts';

const FIXTURE = fileURLToPath(new URL('./fixtures/lock-holder.ts', import.meta.url));

describe('the lock', () => {
  let folder: string;
  let lock: string;

  beforeEach(async () => {
    folder = await makeTestFolder();
    lock = join(folder, 'postgres.lock');
  });

  afterEach(() => rm(folder, { recursive: true }));

  test('lets one in at a time, also when many find at once that its holder was killed', async () => {
    const left = join(folder, 'left');
    await leaveLockOfKilledProcess(left);
    for (let round = 0; round < 20; round += 1) {
      await cp(left, lock, { recursive: true });
      expect(await mostAtOnce(12)).toBe(1);
    }
    expect(await readdir(folder)).toEqual(['left']);
  });

  async function leaveLockOfKilledProcess(path: string): Promise<void> {
    const child = spawn(process.execPath, [FIXTURE, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), ended]);
    child.kill('SIGKILL');
    await ended;
    expect(await readdir(path)).toHaveLength(1);
  }

  async function mostAtOnce(callers: number): Promise<number> {
    let inside = 0;
    let most = 0;
    const enter = async () => {
      inside += 1;
      most = Math.max(most, inside);
      for (let i = 0; i < 5; i += 1) await readdir(folder);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: callers }, () => withLock(lock, enter)));
    return most;
  }

  test('is given back when the work fails', async () => {
    const failing = withLock(lock, () => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(await withLock(lock, async () => 'in')).toBe('in');
  });
});
