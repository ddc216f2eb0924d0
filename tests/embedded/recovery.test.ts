import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { dataOf, postmasterOf, query, readPort } from './cluster-probes.ts';
import { HolderProcess } from './holder-process.ts';

describe('opening after something went wrong', () => {
  let folders: string[];
  let folder: string;
  let opened: EmbeddedPostgres[];
  let holder: HolderProcess | undefined;

  beforeEach(async () => {
    folders = [];
    opened = [];
    folder = await newFolder();
  });

  afterEach(async () => {
    await holder?.kill();
    holder = undefined;
    await Promise.all(opened.map((each) => each.release()));
    await Promise.all(folders.map(removeTestFolder));
  });

  async function newFolder(): Promise<string> {
    folders.push(await makeTestFolder());
    return folders.at(-1) as string;
  }

  async function open(dataDir = folder): Promise<EmbeddedPostgres> {
    const postgres = await openEmbeddedPostgres({ dataDir, log: silentLog });
    opened.push(postgres);
    return postgres;
  }

  test('the pid in postmaster.pid belongs to a Postgres of another folder: that one is left alone', async () => {
    const other = await open(await newFolder());
    const foreign = await postmasterOf(other.dataDir);
    await (await open()).release();
    await writePidFile(foreign.pid);

    const { url } = await open();

    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await postmasterOf(folder)).pid).not.toBe(foreign.pid);
    expect(await query(other.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await postmasterOf(other.dataDir)).toEqual(foreign);
  });

  async function writePidFile(pid: number): Promise<void> {
    const port = await readPort(folder);
    const lines = [
      pid,
      dataOf(folder),
      1_700_000_000,
      port,
      '',
      '127.0.0.1',
      '  123456    123456',
      'ready   ',
    ];
    await writeFile(join(dataOf(folder), 'postmaster.pid'), `${lines.join('\n')}\n`, { mode: 0o644 });
  }

  test('the port of the last time is taken: another one is used, and kept', async () => {
    await (await open()).release();
    const port = await readPort(folder);
    const squatter = await listen(port);
    try {
      const postgres = await open();
      expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(new URL(postgres.url).port).not.toBe(String(port));
      expect(await readPort(folder)).toBe(Number(new URL(postgres.url).port));
    } finally {
      squatter.close();
    }
  });

  function listen(port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.destroy());
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  }

  test('the process was killed in the middle of initdb: the next one begins anew', async () => {
    holder = new HolderProcess(folder);
    await waitFor(() => unfinishedFiles('global'), { describe: 'initdb to be half-way' });
    await holder.kill();
    expect(holder.logged).toEqual([]);

    const { url } = await open();

    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readdir(folder)).filter((name) => name.startsWith('postgres.'))).toEqual([
      'postgres.log',
      'postgres.port',
    ]);
  });

  async function unfinishedFiles(part: string): Promise<boolean> {
    const name = (await readdir(folder)).find((each) => each.startsWith('postgres.init-'));
    if (!name) return false;
    const files = await readdir(join(folder, name, 'data', part)).catch(() => []);
    return files.length > 0;
  }

  test('Postgres itself was killed: it recovers what was committed', async () => {
    const { url } = await open();
    await query(url, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS value');
    const killed = await postmasterOf(folder);
    process.kill(killed.pid, 'SIGKILL');

    const again = await open();

    expect((await postmasterOf(folder)).pid).not.toBe(killed.pid);
    expect(await query(again.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
    expect(await readFile(join(folder, 'postgres.log'), 'utf8')).toContain('was not properly shut down');
  });

  test('a cluster of another major version is refused with what to do', async () => {
    await (await open()).release();
    await writeFile(join(dataOf(folder), 'PG_VERSION'), '17\n');
    await expect(open()).rejects.toThrow(/made by Postgres 17.*brings 18.*DATABASE_URL/s);
    await writeFile(join(dataOf(folder), 'PG_VERSION'), '18\n');
  });

  test('a Postgres that cannot start is an error that shows what it said', async () => {
    await (await open()).release();
    const conf = join(dataOf(folder), 'postgresql.conf');
    await writeFile(conf, `${await readFile(conf, 'utf8')}\nno_such_setting = 1\n`);
    await expect(open()).rejects.toThrow(/did not start.*no_such_setting/s);
  });
});
