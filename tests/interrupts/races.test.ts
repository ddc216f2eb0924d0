import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { arm, expectDeath } from '../crash/recovery-run.ts';
import { ask } from '../http/client.ts';
import type { KillPoint } from '../support/kill-points.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  type Cluster,
  expectNoErrors,
  startCluster,
  Watched,
  waitForHappening,
  waitForIdle,
} from './cluster.ts';

const ROUNDS = 30;

describe('at a random moment', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(() => cluster.dispose());

  /** How long such an execution takes here when nobody is in its way, once this is warm. */
  async function durationOfOne(): Promise<number> {
    let ms = 0;
    for (let i = 0; i < 3; i += 1) {
      const startedAt = performance.now();
      await (await Watched.start(cluster, 'act act')).soundEnd();
      ms = performance.now() - startedAt;
    }
    return ms;
  }

  test('two cancels and the natural end: one wins wholly, and what waits goes on', async () => {
    const random = new SeededRandom(11);
    const winners = new Set<string>();
    const longestMs = 1.5 * (await durationOfOne());
    for (let i = 0; i < ROUNDS; i += 1) {
      const threadId = randomUUID();
      const watched = await Watched.start(cluster, 'act act', threadId);
      const next = await Watched.start(cluster, 'act', threadId);
      const cancelAt = async (url: string) => {
        // The moment of the race, drawn beforehand.
        await delay(random.between(0, Math.round(longestMs)));
        return ask(url, `/executions/${watched.id}/cancel`, { body: {} });
      };
      const answers = await Promise.all([cancelAt(cluster.owner.url), cancelAt(cluster.other.url)]);
      const { status } = await watched.soundEnd();
      winners.add(status);
      const expected = status === 'cancelled' ? 202 : 409;
      expect(answers.map((answer) => answer.status)).toEqual([expected, expected]);
      expect((await next.soundEnd()).status).toBe('completed');
    }
    expect([...winners].toSorted()).toEqual(['cancelled', 'completed']);
    await waitForIdle(cluster.owner);
    expectNoErrors(cluster.owner);
  }, 120_000);

  test('messages that interrupt each other: the last one is answered', async () => {
    const threadId = randomUUID();
    const send = async (url: string) => {
      const body = { agentId: 'patient', threadId, input: 'text', onBusy: 'interrupt' };
      const answer = await ask(url, '/executions', { body });
      return (answer.json()['execution'] as { id: string }).id;
    };
    const ids: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      ids.push(...(await Promise.all([send(cluster.owner.url), send(cluster.other.url)])));
    }
    const all = ids.map((id) => new Watched(cluster, id));
    const ofAll = async () => Promise.all(all.map(async (each) => (await each.stored())?.status));
    const isOneLeft = async () =>
      (await ofAll()).filter((status) => status !== 'cancelled').join() === 'running';
    await waitFor(isOneLeft, { describe: async () => (await ofAll()).join() });
    const running = all[(await ofAll()).indexOf('running')];
    await running?.cancel();
    for (const each of all) await each.soundEnd();
    await waitForIdle(cluster.owner);
  });
});

describe('when the process that cancels dies', () => {
  const COMMIT: Pick<KillPoint, 'event' | 'matches'> = {
    event: 'commit',
    matches: 'update "outlast"."workflow_executions" set .*"cancelled"',
  };
  let cluster: Cluster;
  let watched: Watched;

  beforeEach(async () => {
    cluster = await startCluster({}, ['--import', './tests/support/kill-points.ts']);
    watched = await Watched.start(cluster, 'silent');
    await watched.seen(/"start-step"/);
  });

  afterEach(async () => {
    watched.close();
    await cluster.dispose();
  });

  /** Cancels at a process that dies at this moment; says what is stored then. */
  async function cancelAndDie(moment: KillPoint['moment'], headers: Record<string, string>): Promise<string> {
    await arm(cluster.other, { ...COMMIT, moment });
    await expect(watched.cancel({ reason: 'enough' }, headers)).rejects.toThrow();
    await expectDeath(cluster.other);
    await cluster.other.start();
    return (await watched.stored())?.status ?? 'gone';
  }

  test('before its commit, nothing has happened, and the same request cancels', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect(await cancelAndDie('before', headers)).toBe('running');
    const again = await watched.cancel({ reason: 'enough' }, headers);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([202, undefined]);
    await waitForHappening(cluster.owner, 'model');
    expect((await watched.soundEnd()).status).toBe('cancelled');
  });

  test('after its commit, it is cancelled, and the owner stops though nobody told it', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect(await cancelAndDie('after', headers)).toBe('cancelled');
    await waitForHappening(cluster.owner, 'model');
    await waitForIdle(cluster.owner);
    const again = await watched.cancel({ reason: 'enough' }, headers);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([202, 'true']);
    await watched.soundEnd();
    expectNoErrors(cluster.owner);
  });

  test('during its commit, it is one or the other', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect(['running', 'cancelled']).toContain(await cancelAndDie('during', headers));
    expect((await watched.cancel({ reason: 'enough' }, headers)).status).toBe(202);
    await waitForHappening(cluster.owner, 'model');
    expect((await watched.soundEnd()).status).toBe('cancelled');
  });
});
