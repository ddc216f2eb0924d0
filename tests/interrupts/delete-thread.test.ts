import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { arm, expectDeath, startKillable } from '../crash/recovery-run.ts';
import { ask, run } from '../http/client.ts';
import { countRows } from '../http/row-counts.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  AGENTS,
  type Cluster,
  expectNoErrors,
  happenedIn,
  startCluster,
  Watched,
  waitForHappening,
  waitForIdle,
} from './cluster.ts';

const remove = (url: string, threadId: string) => ask(url, `/threads/${threadId}`, { method: 'DELETE' });

/** The tables that have a row, beside the log that outlives what it tells of. */
async function tablesWithRows(databaseUrl: string): Promise<string[]> {
  // Neither belongs to a thread.
  const { audit_log: _, schedule_clock: __, ...counts } = await countRows(databaseUrl);
  return Object.entries(counts).flatMap(([table, rows]) => (rows > 0 ? [table] : []));
}

describe('a thread that is deleted at another process than the one that answers in it', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(() => cluster.dispose());

  /** Deletes it; nothing of it may be left, nothing may come after, and its readers are cut and told that it is gone. */
  async function deleteSoundly(threadId: string, all: Watched[]) {
    expect((await remove(cluster.other.url, threadId)).status).toBe(204);
    expect(await tablesWithRows(cluster.owner.databaseUrl)).toEqual([]);
    await waitForIdle(cluster.owner);
    for (const { id, readers } of all) {
      const answer = await ask(cluster.owner.url, `/executions/${id}/stream`);
      expect(answer.status).toBe(404);
      expect(readers.map(({ isDone }) => isDone)).not.toContain(true);
    }
    await waitFor(async () => (await openStreams()) === 0, { describe: 'every stream to be cut' });
    for (const each of all) each.close();
    expect((await ask(cluster.owner.url, `/threads/${threadId}/messages`)).status).toBe(404);
    expect((await remove(cluster.other.url, threadId)).status).toBe(404);
    expect(await tablesWithRows(cluster.owner.databaseUrl)).toEqual([]);
    expectNoErrors(cluster.owner);
    expectNoErrors(cluster.other);
  }

  async function openStreams(): Promise<number> {
    const open = await Promise.all(
      [cluster.owner, cluster.other].map(async ({ url }) => {
        const [, count] = /\noutlast_http_open_streams (\d+)\n/.exec((await ask(url, '/metrics')).text) ?? [];
        return Number(count);
      }),
    );
    return open.reduce((sum, count) => sum + count, 0);
  }

  test.each([
    ['text', 'text', /"text-delta"/, 'model'],
    ['a silent model', 'silent', /"start-step"/, 'model'],
    ['a tool', 'act wait_once', /"acted"/, 'tool'],
    ['a tool that may be called again', 'act wait_again', /"acted"/, 'tool'],
  ] as const)('in the middle of %s', async (_, input, sees, stops) => {
    const threadId = randomUUID();
    const before = (await happenedIn(cluster.owner)).length;
    const active = await Watched.start(cluster, input, threadId);
    const waiting = await Watched.start(cluster, 'text', threadId);
    await active.seen(sees);
    if (stops === 'tool') await waitForHappening(cluster.owner, 'called', before);
    await deleteSoundly(threadId, [active, waiting]);
    await waitForHappening(cluster.owner, stops, before);
  });

  test('while it waits for a person', async () => {
    const threadId = randomUUID();
    const watched = await Watched.start(cluster, 'ask_first', threadId);
    await watched.is('suspended');
    await deleteSoundly(threadId, [watched]);
  });

  test('when all is over', async () => {
    const threadId = randomUUID();
    await run(cluster.owner.url, { agentId: 'patient', input: 'act', threadId });
    await deleteSoundly(threadId, []);
  });

  test('comes again under its id as a new one, with nothing of the old', async () => {
    const threadId = randomUUID();
    const old = await Watched.start(cluster, 'text', threadId);
    await old.seen(/"text-delta"/);
    await remove(cluster.other.url, threadId);
    const { id } = await run(cluster.owner.url, { agentId: 'patient', input: 'act', threadId });
    const { data } = (await ask(cluster.other.url, `/threads/${threadId}/messages`)).json();
    expect(data.map(({ metadata }) => (metadata as { executionId: string }).executionId)).toEqual([id, id]);
    const executions = (await ask(cluster.other.url, `/executions?threadId=${threadId}`)).json();
    expect(executions.data).toMatchObject([{ id, ordinal: 1 }]);
    old.close();
    await remove(cluster.other.url, threadId);
  });

  test('and started anew by many at the same moment: every one is answered, and each is whole or gone', async () => {
    const threadId = randomUUID();
    const requests = Array.from({ length: 12 }, (_, i) => {
      const { url } = i % 2 === 0 ? cluster.owner : cluster.other;
      if (i % 3 === 2) return remove(url, threadId);
      return ask(url, '/executions', { body: { agentId: 'patient', threadId, input: 'act' } });
    });
    const statuses = (await Promise.all(requests)).map(({ status }) => status);
    expect(statuses.filter((status) => ![202, 204, 404].includes(status))).toEqual([]);
    await waitForIdle(cluster.owner);
    let left: unknown[] = [];
    const isSettled = async () => {
      left = (await ask(cluster.other.url, `/executions?threadId=${threadId}`)).json().data;
      return left.every((each) => (each as { status: string }).status === 'completed');
    };
    await waitFor(isSettled, { describe: () => `${JSON.stringify(left)}\n${cluster.owner.log()}` });
    await remove(cluster.other.url, threadId);
    expect(await tablesWithRows(cluster.owner.databaseUrl)).toEqual([]);
    expectNoErrors(cluster.owner);
  });
});

describe('when the process that deletes dies', () => {
  let server: TestServer;

  afterEach(() => server.dispose());

  test.each([
    ['before the commit, the thread is there as before', 'before', 200],
    ['after the commit, the rows of its logs are removed by the maintenance', 'after', 404],
  ] as const)('%s', async (_, moment, status) => {
    server = await startKillable({ env: { ...AGENTS, MAINTENANCE_INTERVAL_MS: '100' } });
    await run(server.url, { agentId: 'patient', input: 'act', threadId: 'kept' });
    await arm(server, { event: 'commit', matches: 'INSERT INTO outlast.deleted_logs', moment });
    await expect(remove(server.url, 'kept')).rejects.toThrow();
    await expectDeath(server);
    await server.start();
    expect((await ask(server.url, '/threads/kept/messages')).status).toBe(status);
    if (status === 200) return;
    const isAllGone = async () => (await tablesWithRows(server.databaseUrl)).length === 0;
    await waitFor(isAllGone, { describe: 'the rows to be removed' });
  });
});
