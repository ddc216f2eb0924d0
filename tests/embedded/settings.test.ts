import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { silentLog } from '../support/silent-log.ts';
import { dataOf, isRunning, query } from './cluster-probes.ts';

describe('a new embedded Postgres', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await makeTestFolder();
  });

  afterEach(() => removeTestFolder(folder));

  test('is durable, listens to this machine only, asks for a password, and sorts by code point', async () => {
    const postgres = await openEmbeddedPostgres({ dataDir: folder, log: silentLog });
    const names = ['fsync', 'synchronous_commit', 'max_connections', 'shared_buffers', 'listen_addresses'];
    names.push('unix_socket_directories', 'server_encoding', 'TimeZone');
    const columns = names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ');
    const [settings] = await query(postgres.url, `SELECT ${columns}, lower('ÄÖ') AS folded`);
    expect(settings).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      max_connections: '200',
      shared_buffers: '128MB',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      server_encoding: 'UTF8',
      TimeZone: 'UTC',
      folded: 'äö',
    });
    const intruder = new URL(postgres.url);
    intruder.password = 'wrong';
    await expect(query(intruder.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(folder, 'postgres', 'password'))).mode & 0o777).toBe(0o600);
    await postgres.release();
  });

  const asRoot = process.getuid?.() === 0 ? test : test.skip;

  asRoot('keeps its data elsewhere when the database user cannot enter the folder, and says so', async () => {
    const locked = join(folder, 'locked');
    await mkdir(locked, { mode: 0o700 });
    const dataDir = join(locked, '.outlast');

    const postgres = await openEmbeddedPostgres({ dataDir, log: silentLog });
    try {
      expect(postgres.dataDir).toMatch(/^\/var\/lib\/outlast\/[0-9a-f]{12}$/);
      expect(postgres.notice).toContain(postgres.dataDir);
      await query(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS value');
      await postgres.release();
      expect(await isRunning(postgres.dataDir)).toBe(false);

      await chmod(locked, 0o755);
      const again = await openEmbeddedPostgres({ dataDir, log: silentLog });
      expect(again.dataDir).toBe(postgres.dataDir);
      expect(await query(again.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
      await again.release();
      expect((await readFile(join(dataOf(again.dataDir), 'PG_VERSION'), 'utf8')).trim()).toBe('18');
    } finally {
      await postgres.release();
      await rm(postgres.dataDir, { recursive: true });
    }
  });
});
