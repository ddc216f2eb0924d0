import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
import { withClient } from '../support/execution-record.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  type Cluster,
  expectNoErrors,
  happenedIn,
  startCluster,
  Watched,
  waitForHappening,
  waitForIdle,
} from './cluster.ts';

/* A cancel at another process than the one that runs the execution. */

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster.dispose());

/** Cancels, and holds everything to what is promised; what has to be stopped by it is named. */
async function cancelSoundly(watched: Watched, stops: 'model' | 'tool' | undefined) {
  const before = (await happenedIn(cluster.owner)).length;
  const answer = await watched.cancel({ reason: 'enough' });
  expect(answer.status).toBe(202);
  expect(answer.json()['execution']).toMatchObject({ status: 'cancelled', cancelReason: 'enough' });
  if (stops !== undefined) {
    const { reason } = await waitForHappening(cluster.owner, stops, before);
    expect(reason).toMatch(/cancelled/);
  }
  const record = await watched.soundEnd();
  expect(record.log.at(-1)?.chunk).toEqual({ type: 'abort', reason: 'enough' });
  await waitForIdle(cluster.owner);
  expect(await watched.stored()).toEqual(record);
  expectNoErrors(cluster.owner);
  return record;
}

describe.each([
  ['with readers on both processes', true],
  ['with readers on the other process only', false],
])('%s, a cancel', (_, watchOwner) => {
  test.each([
    ['text', /"text-delta"/],
    ['reasoning', /"reasoning-delta"/],
    ['a tool input', /"tool-input-delta"/],
  ])('stops %s, and keeps what was streamed', async (what, sees) => {
    const watched = await Watched.start(cluster, what.split(' ').at(-1) ?? '', undefined, watchOwner);
    await watched.seen(sees);
    const { message } = await cancelSoundly(watched, 'model');
    expect(message?.status).toBe('partial');
    expect(message?.parts.length).toBeGreaterThan(1);
  });

  test('stops a model that says nothing', async () => {
    const watched = await Watched.start(cluster, 'silent', undefined, watchOwner);
    await watched.seen(/"start-step"/);
    await cancelSoundly(watched, 'model');
  });

  test.each(['wait_once', 'wait_again'])('stops the tool %s, whose outcome is unknown then', async (tool) => {
    const before = (await happenedIn(cluster.owner)).length;
    const watched = await Watched.start(cluster, `act ${tool}`, undefined, watchOwner);
    await waitForHappening(cluster.owner, 'called', before);
    await watched.seen(/"acted"/);
    const record = await cancelSoundly(watched, 'tool');
    expect(record.calls.map(({ status, errorCode }) => [status, errorCode])).toEqual([
      ['completed', null],
      ['unknown', 'cancelled'],
    ]);
    const part = record.message?.parts.find((each) => (each as { toolCallId?: string }).toolCallId === 'c2');
    expect(part).toMatchObject({ state: 'output-error', errorText: expect.stringMatching(/cancelled/) });
  });
});

test('an execution that waits for a person, half decided, is cancelled; the next turn is told', async () => {
  const threadId = randomUUID();
  const watched = await Watched.start(cluster, 'ask_first ask_first act', threadId);
  await watched.is('suspended');
  const decided = await ask(cluster.other.url, `/executions/${watched.id}/approvals/c1`, {
    body: { approved: false },
  });
  expect(decided.status).toBe(200);
  const record = await cancelSoundly(watched, undefined);
  expect(record.calls.map(({ status }) => status)).toEqual(['denied', 'failed', 'completed']);
  const late = await ask(cluster.other.url, `/executions/${watched.id}/approvals/c2`, {
    body: { approved: true },
  });
  expect(late.json()).toMatchObject({ code: 'already-decided', approval: { status: 'cancelled' } });
  const next = await Watched.start(cluster, 'act', threadId);
  expect((await next.soundEnd()).status).toBe('completed');
});

test('a message that interrupts is answered at once', async () => {
  const threadId = randomUUID();
  const first = await Watched.start(cluster, 'text', threadId);
  await first.seen(/"text-delta"/);
  const waiting = await Watched.start(cluster, 'text', threadId);
  const body = { agentId: 'patient', threadId, input: 'act', onBusy: 'interrupt' };
  const answer = await ask(cluster.other.url, '/executions', { body });
  const { id } = answer.json()['execution'] as { id: string };
  const last = new Watched(cluster, id);
  expect((await last.soundEnd()).status).toBe('completed');
  expect((await first.soundEnd()).status).toBe('cancelled');
  expect((await waiting.soundEnd()).log.map(({ chunk }) => chunk.type)).toEqual([
    'start',
    'message-metadata',
    'abort',
  ]);
  await waitForIdle(cluster.owner);
  expectNoErrors(cluster.owner);
});

test('one that waits for its thread is cancelled, and the one after it runs in its place', async () => {
  const threadId = randomUUID();
  const first = await Watched.start(cluster, 'text', threadId);
  const second = await Watched.start(cluster, 'text', threadId);
  const third = await Watched.start(cluster, 'act', threadId);
  await first.seen(/"text-delta"/);
  expect((await second.cancel()).status).toBe(202);
  await second.soundEnd();
  expect((await first.stored())?.status).toBe('running');
  await cancelSoundly(first, 'model');
  expect((await third.soundEnd()).status).toBe('completed');
});

test('a request that is sent again with its key is answered with the first answer', async () => {
  const watched = await Watched.start(cluster, 'text');
  await watched.seen(/"text-delta"/);
  const headers = { 'idempotency-key': randomUUID() };
  const first = await watched.cancel({ reason: 'enough' }, headers);
  const second = await watched.cancel({ reason: 'enough' }, headers);
  expect([first.status, second.status, second.headers['idempotency-replayed']]).toEqual([202, 202, 'true']);
  expect(second.json()).toEqual(first.json());
  expect((await watched.cancel()).status).toBe(202);
  await watched.soundEnd();
});

test('what is over cannot be cancelled', async () => {
  const watched = await Watched.start(cluster, 'act');
  await watched.soundEnd();
  expect((await watched.cancel()).json()).toMatchObject({ status: 409, code: 'execution-finished' });
  const missing = await ask(cluster.other.url, `/executions/${randomUUID()}/cancel`, { body: {} });
  expect(missing.status).toBe(404);
});

test('it is discarded without a message', async () => {
  const watched = await Watched.start(cluster, 'text');
  await watched.seen(/"text-delta"/);
  await watched.cancel({ mode: 'discard' });
  await waitFor(() => watched.readers.every(({ isDone }) => isDone), { describe: 'the end' });
  const record = await watched.stored();
  expect([record?.status, record?.message]).toEqual(['cancelled', undefined]);
  expect(record?.log.at(-1)?.chunk).toEqual({ type: 'abort' });
});

test('a cancel at the process that runs it stops it, too', async () => {
  const before = (await happenedIn(cluster.owner)).length;
  const watched = await Watched.start(cluster, 'silent');
  await watched.seen(/"start-step"/);
  expect((await ask(cluster.owner.url, `/executions/${watched.id}/cancel`, { method: 'POST' })).status).toBe(
    202,
  );
  expect((await waitForHappening(cluster.owner, 'model', before)).reason).toBe('The execution was cancelled');
  await watched.soundEnd();
});

test('all of these left neither a workflow nor a checkpoint of one behind', async () => {
  const left = () =>
    withClient(cluster.owner.databaseUrl, async (client) => {
      const { rows } = await client.query(`
        SELECT workflow_uuid, status FROM dbos.workflow_status WHERE status NOT IN ('SUCCESS')
        UNION ALL SELECT workflow_uuid, function_name FROM dbos.operation_outputs o
        WHERE NOT EXISTS (SELECT 1 FROM dbos.workflow_status w WHERE w.workflow_uuid = o.workflow_uuid)`);
      return rows;
    });
  await waitFor(async () => (await left()).length === 0, {
    describe: async () => JSON.stringify(await left()),
  });
});

describe('with one slot', () => {
  let single: Cluster;

  beforeAll(async () => {
    single = await startCluster({ WORKER_CONCURRENCY: '1' });
  });

  afterAll(() => single.dispose());

  test('a model that does not heed its signal keeps neither the slot nor the log', async () => {
    const deaf = await Watched.start(single, 'deaf');
    await deaf.seen(/"text-delta"/);
    await deaf.cancel();
    const record = await deaf.soundEnd();
    await waitForIdle(single.owner);
    const next = await Watched.start(single, 'act');
    expect((await next.soundEnd()).status).toBe('completed');
    expect(await deaf.stored()).toEqual(record);
    expectNoErrors(single.owner);
  });

  test('one that waits for a slot is cancelled, and its workflow goes', async () => {
    const running = await Watched.start(single, 'text');
    await running.seen(/"text-delta"/);
    const queued = await Watched.start(single, 'text');
    const last = await Watched.start(single, 'act');
    await queued.cancel();
    await queued.soundEnd();
    const workflows = await withClient(single.owner.databaseUrl, async (client) => {
      const { rows } = await client.query('SELECT 1 FROM dbos.workflow_status WHERE workflow_uuid = $1', [
        `${queued.id}:1`,
      ]);
      return rows;
    });
    expect(workflows).toEqual([]);
    await running.cancel();
    expect((await last.soundEnd()).status).toBe('completed');
  });
});

describe('whose owner', () => {
  let own: Cluster;

  beforeAll(async () => {
    own = await startCluster();
  });

  afterAll(() => own.dispose());

  test('is frozen: the cancel does not wait for it, and when it wakes it writes nothing', async () => {
    const watched = await Watched.start(own, 'text', undefined, false);
    await watched.seen(/"text-delta"/);
    own.owner.signal('SIGSTOP');
    expect((await watched.cancel()).status).toBe(202);
    const record = await watched.soundEnd();
    own.owner.signal('SIGCONT');
    await waitForIdle(own.owner);
    expect(await watched.stored()).toEqual(record);
    expectNoErrors(own.owner);
  });

  test('is dead: it is cancelled all the same, and nobody takes it over', async () => {
    const watched = await Watched.start(own, 'text', undefined, false);
    await watched.seen(/"text-delta"/);
    await own.owner.kill();
    expect((await watched.cancel()).status).toBe(202);
    const record = await watched.soundEnd();
    await own.owner.start();
    const { id } = await start(own.owner.url, { agentId: 'patient', input: 'act' });
    expect((await ask(own.owner.url, `/executions/${id}/wait`)).json()).toMatchObject({
      status: 'completed',
    });
    expect(await watched.stored()).toEqual(record);
  });
});
