import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { accountFor, findUnaccounted } from '../../src/automations/account-for.ts';
import { type Fired, fire, type Occurrence } from '../../src/automations/fire.ts';
import { fireOnRequest } from '../../src/automations/fire-on-request.ts';
import { raiseEvent } from '../../src/automations/raise-event.ts';
import { findStartable, startWaiting } from '../../src/automations/start-waiting.ts';
import { pauseAutomation, resumeAutomation } from '../../src/automations/update-automation.ts';
import { transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE, type Scope } from '../../src/db/scope.ts';
import { removeFirings } from '../../src/retention/remove-firings.ts';
import { type AutomationWorld, openAutomationWorld } from './world.ts';

const AT = new Date('2026-01-01T00:00:00Z');

describe('firing', () => {
  let world: AutomationWorld;

  beforeAll(async () => {
    world = await openAutomationWorld({ tenantConcurrency: 5 });
  });
  afterAll(() => world.dispose());

  async function fireBy(id: string, occurrence: Partial<Occurrence> = {}): Promise<Fired> {
    const fired = await world.held(id, (tx, automation) =>
      fire(tx, world.deps, automation, { cause: 'event', key: uuidv7(), scheduledFor: AT, ...occurrence }),
    );
    fired.launch();
    return fired;
  }

  function request(id: string): Promise<Fired> {
    return transaction(world.db, (tx) =>
      fireOnRequest(tx, world.deps, OPEN_SCOPE, id, { key: uuidv7(), payload: undefined }),
    );
  }

  function raise(name: string, event: object = {}, scope: Scope = OPEN_SCOPE): Promise<Fired[]> {
    return transaction(world.db, (tx) =>
      raiseEvent(tx, world.deps, scope, { name, id: uuidv7(), payload: undefined, ...event }),
    );
  }

  const startable = async () => (await findStartable(world.db, 10)).map(({ id }) => id);
  const unaccounted = async () => (await findUnaccounted(world.db, 10)).map(({ id }) => id);

  test('starts an execution of the automation, as its owner', async () => {
    const { id } = await world.make({ agentId: 'operator', approvalPolicy: 'deny' });
    const { firing } = await fireBy(id, { key: 'k1' });
    expect(firing).toMatchObject({ key: 'k1', status: 'fired', reason: null, attempts: 1, scheduledFor: AT });
    const [execution, ...others] = await world.executions(id);
    expect(others).toEqual([]);
    expect(execution).toMatchObject({
      id: firing.executionId,
      firing_id: firing.id,
      source: 'automation',
      agent_id: 'operator',
      approval_policy: 'deny',
      owner_id: 'local',
      input: { role: 'user', parts: [{ type: 'text', text: 'say hello' }] },
    });
    expect(world.launched).toContain(firing.executionId);
    await world.end('completed', firing.executionId ?? '');
  });

  test('happens once for one key, however many tell of it at once', async () => {
    const { id } = await world.make({ concurrency: { max: 50 } });
    const all = await Promise.all(Array.from({ length: 20 }, () => fireBy(id, { key: 'delivery' })));
    expect(new Set(all.map(({ firing }) => firing.id)).size).toBe(1);
    expect(new Set(all.map(({ firing }) => firing.executionId)).size).toBe(1);
    expect(await world.firings(id)).toHaveLength(1);
    const executions = await world.executions(id);
    expect(executions).toHaveLength(1);
    expect(world.launched.filter((each) => each === executions[0]?.id)).toHaveLength(1);
    await world.end('completed', ...executions.map((each) => each.id));
  });

  test('of one key by another cause is another one', async () => {
    const { id } = await world.make({ concurrency: { max: 2 } });
    await fireBy(id, { cause: 'event', key: 'x' });
    await fireBy(id, { cause: 'webhook', key: 'x' });
    const executions = await world.executions(id);
    expect(executions).toHaveLength(2);
    await world.end('completed', ...executions.map((each) => each.id));
  });

  test('is skipped while the automation has as many executions as it may', async () => {
    const { id } = await world.make();
    const { firing: first } = await request(id);
    const { firing: second } = await request(id);
    expect(second).toMatchObject({ status: 'skipped', reason: 'busy', executionId: null });
    // Over, though nobody has taken note of that.
    await world.end('completed', first.executionId ?? '');
    const { firing: third } = await request(id);
    expect(third.status).toBe('fired');
    await world.end('cancelled', third.executionId ?? '');
  });

  test('leaves the place of one that others ask for at the same time to one of them', async () => {
    const { id } = await world.make({ concurrency: { max: 3 } });
    const all = await Promise.all(Array.from({ length: 12 }, () => request(id)));
    expect(all.filter(({ firing }) => firing.status === 'fired')).toHaveLength(3);
    const executions = await world.executions(id);
    expect(executions).toHaveLength(3);
    await world.end('completed', ...executions.map((each) => each.id));
    await accountFor(world.db, world.deps, id);
  });

  test('of all automations of a tenant has an end', async () => {
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => (await world.make({ concurrency: { onBusy: 'enqueue' } })).id),
    );
    const all = await Promise.all(ids.map(request));
    const fired = all.filter(({ firing }) => firing.status === 'fired');
    expect(fired).toHaveLength(5);
    const waiting = all.filter(({ firing }) => firing.status === 'enqueued');
    expect(waiting.map(({ firing }) => firing.reason)).toEqual(['tenant-busy', 'tenant-busy', 'tenant-busy']);
    const stranger = await world.make({}, { tenantId: 'other', ownerId: 'local' });
    expect((await fireBy(stranger.id)).firing.status).toBe('fired');
    const waitingId = waiting[0]?.firing.automationId ?? '';
    expect(await startable()).toContain(waitingId);
    expect(await startWaiting(world.db, world.deps, waitingId)).toBeUndefined();
    await world.end('completed', ...fired.map(({ firing }) => firing.executionId ?? ''));
    for (const id of ids) await accountFor(world.db, world.deps, id);
    for (const { firing } of waiting) {
      const started = await startWaiting(world.db, world.deps, firing.automationId);
      expect(started).toMatchObject({ id: firing.id, status: 'fired', reason: null });
      await world.end('completed', started?.executionId ?? '');
      await accountFor(world.db, world.deps, firing.automationId);
    }
  });

  test('waits for a place, in order, and what comes later does not overtake', async () => {
    const { id } = await world.make({ concurrency: { max: 1, onBusy: 'enqueue' } });
    const { firing: first } = await fireBy(id, { key: '1' });
    await fireBy(id, { key: '2' });
    await world.end('completed', first.executionId ?? '');
    const { firing: third } = await fireBy(id, { key: '3' });
    expect(third).toMatchObject({ status: 'enqueued', input: 'say hello' });
    await accountFor(world.db, world.deps, id);
    expect(await startable()).toEqual([id]);
    const starters = await Promise.all([1, 2, 3].map(() => startWaiting(world.db, world.deps, id)));
    expect(starters.filter((firing) => firing !== undefined).map(({ key }) => key)).toEqual(['2']);
    expect(await startable()).toEqual([]);
    expect((await world.firings(id)).map(({ status }) => status)).toEqual(['fired', 'fired', 'enqueued']);
    await transaction(world.db, (tx) => pauseAutomation(tx, OPEN_SCOPE, id));
    await world.end('completed', ...(await world.executions(id)).slice(1).map((each) => each.id));
    await accountFor(world.db, world.deps, id);
    expect(await startable()).toEqual([]);
    expect(await startWaiting(world.db, world.deps, id)).toBeUndefined();
    await transaction(world.db, (tx) => resumeAutomation(tx, OPEN_SCOPE, id));
    const last = await startWaiting(world.db, world.deps, id);
    expect(last).toMatchObject({ key: '3', status: 'fired', input: null });
    await world.end('completed', last?.executionId ?? '');
  });

  test('puts all executions into one thread, if that is wanted', async () => {
    const { id } = await world.make({ threadMode: 'same', concurrency: { max: 2 } });
    await request(id);
    await request(id);
    const executions = await world.executions(id);
    expect(executions.map(({ segment }) => segment)).toEqual([1, 0]);
    expect(new Set(executions.map((each) => each.thread_no)).size).toBe(1);
    await world.end('cancelled', ...executions.map((each) => each.id));
    await accountFor(world.db, world.deps, id);
  });

  test('is tried again after a failure, with a pause, as a retry', async () => {
    const { id } = await world.make({ maxAttempts: 2 });
    const { firing } = await request(id);
    await world.end('failed', firing.executionId ?? '');
    expect(await unaccounted()).toContain(id);
    await Promise.all([1, 2, 3].map(() => accountFor(world.db, world.deps, id)));
    expect(await unaccounted()).not.toContain(id);
    const [postponed] = await world.firings(id);
    expect(postponed).toMatchObject({ status: 'fired', attempts: 1, retryAt: expect.any(Date) });
    expect(await startWaiting(world.db, world.deps, id)).toBeUndefined();
    expect((await request(id)).firing.reason).toBe('busy');
    await world.sql('UPDATE outlast.firings SET retry_at = now() WHERE id = $1', [firing.id]);
    expect(await startable()).toEqual([id]);
    const started = await Promise.all([1, 2, 3].map(() => startWaiting(world.db, world.deps, id)));
    expect(started.filter((each) => each !== undefined)).toHaveLength(1);
    const [first, second, ...others] = await world.executions(id);
    expect(others).toEqual([]);
    expect(second).toMatchObject({ retry_of: first?.id, firing_id: firing.id, source: 'automation' });
    expect((await world.firings(id))[0]).toMatchObject({
      executionId: second?.id,
      attempts: 2,
      retryAt: null,
    });
    await world.end('failed', second?.id ?? '');
    await accountFor(world.db, world.deps, id);
    expect((await world.firings(id))[0]).toMatchObject({ status: 'failed', reason: 'model-error' });
    expect(await world.read(id)).toMatchObject({ failuresInRow: 1, enabled: true });
  });

  test('is given up when its thread is gone, or has gone on', async () => {
    for (const [change, reason, failuresInRow] of [
      ['DELETE FROM outlast.threads WHERE no = $1', 'not-found', 0],
      ['UPDATE outlast.threads SET last_ordinal = 2 WHERE no = $1', 'not-last', 1],
    ] as const) {
      const { id } = await world.make({ maxAttempts: 2 });
      const { firing } = await request(id);
      await world.end('failed', firing.executionId ?? '');
      await accountFor(world.db, world.deps, id);
      await world.sql(change, [(await world.executions(id))[0]?.thread_no]);
      await world.sql('UPDATE outlast.firings SET retry_at = now() WHERE id = $1', [firing.id]);
      expect(await startWaiting(world.db, world.deps, id)).toBeUndefined();
      expect((await world.firings(id))[0]).toMatchObject({ status: 'failed', reason, retryAt: null });
      expect((await world.read(id)).failuresInRow).toBe(failuresInRow);
    }
  });

  test('pauses the automation after so many failures in a row, and tells of it', async () => {
    const { id } = await world.make({ pauseAfterFailures: 2 });
    const fail = async (status: 'failed' | 'completed' | 'cancelled') => {
      const { firing } = await request(id);
      await world.end(status, firing.executionId ?? '');
      await accountFor(world.db, world.deps, id);
      return firing.executionId;
    };
    await fail('failed');
    await fail('completed');
    await fail('failed');
    expect(await world.read(id)).toMatchObject({ enabled: true, failuresInRow: 1 });
    await fail('cancelled');
    const last = await fail('failed');
    expect(await world.read(id)).toMatchObject({
      enabled: false,
      failuresInRow: 2,
      pausedReason: 'failures',
    });
    const written = await world.sql(
      `SELECT actor_kind, actor, execution_id, thread_id IS NOT NULL AS has_thread, details::jsonb
       FROM outlast.audit_log WHERE action = 'automation.paused' AND subject_id = $1`,
      [id],
    );
    const by = { actor_kind: 'system', actor: `automation:${id}` };
    const entry = { ...by, execution_id: last, has_thread: true, details: { failuresInRow: 2 } };
    expect(written).toEqual([entry]);
    const told = await world.sql(
      "SELECT body FROM outlast.notifications WHERE type = 'automation.paused' AND execution_id = $1",
      [last],
    );
    expect(JSON.parse(String(told[0]?.['body']))).toMatchObject({
      type: 'automation.paused',
      data: { id, enabled: false, pausedReason: 'failures' },
    });
    await transaction(world.db, (tx) => resumeAutomation(tx, OPEN_SCOPE, id));
    expect(await world.read(id)).toMatchObject({ enabled: true, failuresInRow: 0, pausedReason: null });
  });

  test('by an event reaches those of its owner that wait for it, once for its id', async () => {
    const match = { order: { state: 'paid' } };
    const { id } = await world.make({
      trigger: { type: 'event', name: 'e', match },
      concurrency: { max: 5 },
    });
    const paused = await world.make({ trigger: { type: 'event', name: 'e' }, enabled: false });
    const others = await world.make(
      { trigger: { type: 'event', name: 'e' } },
      { tenantId: 'default', ownerId: 'ann' },
    );
    const payload = { order: { state: 'paid', total: 3 } };
    const all = await Promise.all(Array.from({ length: 10 }, () => raise('e', { payload, id: 'e1' })));
    expect(new Set(all.map((fired) => fired.map(({ firing }) => firing.id).join())).size).toBe(1);
    expect(all[0]?.[0]?.firing).toMatchObject({ automationId: id, key: 'e1', status: 'fired' });
    expect(await raise('e', { payload: { order: { state: 'open' } } })).toEqual([]);
    expect(await raise('f', { payload })).toEqual([]);
    expect(await world.firings(paused.id)).toEqual([]);
    expect(await world.firings(others.id)).toEqual([]);
    const ofTenant = { ...OPEN_SCOPE, ownerId: 'key:1', seesTenant: true };
    const reached = await raise('e', { payload }, ofTenant);
    expect(reached.map(({ firing }) => firing.automationId).sort()).toEqual([id, others.id].sort());
    expect((await world.executions(others.id))[0]?.owner_id).toBe('ann');
    await world.end('completed', ...(await world.executions(id)).map((each) => each.id));
    await world.end('completed', ...(await world.executions(others.id)).map((each) => each.id));
  });

  test('by events of executions ends three deep', async () => {
    await world.make({ trigger: { type: 'event', name: 'loop' } });
    let executionId: string | undefined;
    for (const depth of [0, 1, 2, 3]) {
      const [fired] = await raise('loop', { executionId });
      expect(fired?.firing).toMatchObject({ status: 'fired', depth });
      executionId = fired?.firing.executionId ?? '';
      await world.end('completed', executionId);
    }
    const [refused] = await raise('loop', { executionId });
    expect(refused?.firing).toMatchObject({ status: 'skipped', reason: 'loop-guard', depth: 4 });
    await expect(
      raise('loop', { executionId }, { tenantId: 'other', ownerId: 'local' }),
    ).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  test('says so when its input cannot be made', async () => {
    const { id } = await world.make();
    const deps = { ...world.deps, renderInput: () => ({ faults: [] }) };
    const { firing } = await world.held(id, (tx, automation) =>
      fire(tx, deps, automation, { cause: 'webhook', key: '1', scheduledFor: AT }),
    );
    expect(firing).toMatchObject({ status: 'failed', reason: 'template', executionId: null });
    expect(await world.executions(id)).toEqual([]);
  });

  test('of one that was deleted leaves its executions to be counted as over', async () => {
    const { id } = await world.make();
    const { firing } = await request(id);
    await world.sql('DELETE FROM outlast.automations WHERE id = $1', [id]);
    await world.end('failed', firing.executionId ?? '');
    expect(await unaccounted()).toContain(id);
    await accountFor(world.db, world.deps, id);
    expect(await unaccounted()).not.toContain(id);
    expect(await world.executions(id)).toHaveLength(1);
  });
});

test('firings are removed when they are old, but for those that are not over', async () => {
  const world = await openAutomationWorld();
  const start = (id: string) =>
    transaction(world.db, (tx) =>
      fireOnRequest(tx, world.deps, OPEN_SCOPE, id, { key: uuidv7(), payload: undefined }),
    );
  const { id } = await world.make({ concurrency: { max: 2, onBusy: 'enqueue' } });
  const [over, running, waiting] = [await start(id), await start(id), await start(id)];
  await world.end('completed', over.firing.executionId ?? '');
  await accountFor(world.db, world.deps, id);
  await world.sql("UPDATE outlast.firings SET created_at = now() - interval '31 days'");
  const recent = await start(id);
  for await (const done of removeFirings(world.db, 30)) expect(done).toEqual({ firingsRemoved: 1 });
  expect((await world.firings(id)).map((firing) => firing.id).sort()).toEqual(
    [running, waiting, recent].map(({ firing }) => firing.id).sort(),
  );
  await world.dispose();
});
