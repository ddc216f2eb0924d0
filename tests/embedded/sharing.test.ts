import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { ownIdentity } from '../../src/embedded/processes.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { silentLog } from '../support/silent-log.ts';
import { isRunning, postmasterOf, query } from './cluster-probes.ts';
import { HolderProcess } from './holder-process.ts';

describe('servers that share a data folder', () => {
  let folder: string;
  let processes: HolderProcess[];

  beforeEach(async () => {
    folder = await makeTestFolder();
    processes = [];
  });

  afterEach(async () => {
    await Promise.all(processes.map((each) => each.kill()));
    await removeTestFolder(folder);
  });

  function startHolder(): HolderProcess {
    const holder = new HolderProcess(folder);
    processes.push(holder);
    return holder;
  }

  test('Postgres survives the SIGKILL of the process that started it, and the next one uses it', async () => {
    const first = startHolder();
    const { url } = await first.opened();
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS value');
    const before = await postmasterOf(folder);

    await first.kill();
    const second = startHolder();
    const reopened = await second.opened();

    expect(await postmasterOf(folder)).toEqual(before);
    expect(second.logged).toEqual(['postgres.joined']);
    expect(await query(reopened.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
  });

  test('the last one out stops it, and only the last one', async () => {
    const [first, second] = [startHolder(), startHolder()];
    const [{ url }] = await Promise.all([first.opened(), second.opened()]);

    await first.release();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    await second.release();
    expect(await isRunning(folder)).toBe(false);
    expect(second.logged).toContain('postgres.stopped');
  });

  test('a holder that was killed does not count', async () => {
    const [killed, last] = [startHolder(), startHolder()];
    await Promise.all([killed.opened(), last.opened()]);
    await killed.kill();
    await last.release();
    expect(await isRunning(folder)).toBe(false);
  });

  test('a holder whose pid now belongs to another process does not count', async () => {
    const postgres = await openEmbeddedPostgres({ dataDir: folder, log: silentLog });
    const { pid } = await ownIdentity();
    const forged = JSON.stringify({ pid, born: 'another boot/1' });
    await writeFile(join(folder, 'postgres-users', `${pid}-forged.json`), forged);
    await postgres.release();
    expect(await isRunning(folder)).toBe(false);
  });

  test('two that open an empty folder at once get one and the same cluster', async () => {
    const [first, second] = [startHolder(), startHolder()];
    const [one, other] = await Promise.all([first.opened(), second.opened()]);
    expect(one.url).toBe(other.url);
    const logged = [...first.logged, ...second.logged].sort();
    expect(logged).toEqual(['postgres.created', 'postgres.joined', 'postgres.started']);
    expect(await query(one.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a release counts once, however often it is called', async () => {
    const open = () => openEmbeddedPostgres({ dataDir: folder, log: silentLog });
    const [first, second] = [await open(), await open()];
    await Promise.all([first.release(), first.release()]);
    await first.release();
    expect(await isRunning(folder)).toBe(true);
    await second.release();
    await second.release();
    expect(await isRunning(folder)).toBe(false);
  });
});
