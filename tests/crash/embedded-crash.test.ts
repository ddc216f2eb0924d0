import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { findPostmaster } from '../../src/embedded/postmaster.ts';
import type { TestServer } from '../support/server.ts';
import { silentLog } from '../support/silent-log.ts';
import { endPostmaster } from './private-postgres.ts';
import { endings, expectDeath, FollowedExecution, SCRIPT, startKillable, whenSeen } from './recovery-run.ts';

let server: TestServer;
/** The test looks into the tables as one more user of the server's own Postgres. */
let postgres: EmbeddedPostgres;

beforeEach(async () => {
  server = await startKillable({ databaseUrl: null });
  postgres = await openEmbeddedPostgres({ dataDir: server.dataDir, log: silentLog });
});

afterEach(async () => {
  await server.kill();
  await postgres.release();
  await server.dispose();
});

function postmaster() {
  return findPostmaster(join(server.dataDir, 'postgres', 'data'));
}

test('the Postgres that a server brings along survives its kill, and the same stream goes on', async () => {
  const before = await postmaster();
  const execution = new FollowedExecution(server, postgres.url);
  await execution.start(
    SCRIPT,
    whenSeen(1, /\bw5\b/, () => server.signal('SIGKILL')),
  );
  await expectDeath(server);
  expect(await postmaster()).toEqual(before);
  await server.start();
  const record = await execution.finished();
  await execution.expectUnharmed(record);
  expect(endings(record, 'crashed')).toBe(1);
  expect(await postmaster()).toEqual(before);
});

test('when both are killed, both come back, and the same stream goes on', async () => {
  const before = await postmaster();
  const execution = new FollowedExecution(server, postgres.url);
  await execution.start(
    SCRIPT,
    whenSeen(2, /\bw5\b/, () => server.signal('SIGKILL')),
  );
  await expectDeath(server);
  await endPostmaster(server.dataDir, 'SIGKILL');
  await server.start();
  const record = await execution.finished();
  await execution.expectUnharmed(record);
  expect(endings(record, 'crashed')).toBe(1);
  expect((await postmaster())?.pid).not.toBe(before?.pid);
});
