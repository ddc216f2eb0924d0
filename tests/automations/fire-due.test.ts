import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findDue, fireDue } from '../../src/automations/fire-due.ts';
import { DOWN_AFTER_MS, readClock, recordLook } from '../../src/automations/record-look.ts';
import type { FiringRow } from '../../src/automations/view.ts';
import { type AutomationWorld, openAutomationWorld } from './world.ts';

const EVERY_MINUTE = { type: 'schedule', cron: '* * * * *' };
const EVERY_SECOND = { type: 'schedule', cron: '* * * * * *' };

describe('what is due', () => {
  let world: AutomationWorld;

  beforeAll(async () => {
    world = await openAutomationWorld({ tenantConcurrency: 1000 });
    await recordLook(world.db);
  });
  afterAll(() => world.dispose());

  /** As if it had not been dealt with since then. */
  async function due(id: string, secondsAgo: number): Promise<void> {
    await world.sql(
      `UPDATE outlast.automations SET next_due_at = date_trunc('second', now()) - $2 * interval '1 s' WHERE id = $1`,
      [id, secondsAgo],
    );
  }

  /** As if nobody had looked for so long, and somebody looks again. */
  async function comeBackAfter(seconds: number): Promise<boolean> {
    await world.sql(`UPDATE outlast.schedule_clock SET looked_at = now() - $1 * interval '1 s'`, [seconds]);
    return recordLook(world.db);
  }

  async function fireBy(id: string, deps = world.deps): Promise<FiringRow[] | undefined> {
    const clock = await readClock(world.db);
    return clock && fireDue(world.db, deps, id, clock);
  }

  async function fireAll(): Promise<void> {
    for (const { id } of await findDue(world.db, 100)) await fireBy(id);
  }

  test('is fired once by many that look at once, and the next time is written down', async () => {
    const { id } = await world.make({ trigger: EVERY_MINUTE });
    await due(id, 2);
    await Promise.all(Array.from({ length: 8 }, fireAll));
    expect(await world.firings(id)).toMatchObject([{ cause: 'schedule', status: 'fired' }]);
    expect(await world.executions(id)).toHaveLength(1);
    const { nextDueAt } = await world.read(id);
    expect(nextDueAt?.getTime()).toBeGreaterThan(Date.now());
  });

  test('is fired late, each time, while somebody looks', async () => {
    const { id } = await world.make({ trigger: EVERY_SECOND, concurrency: { max: 50 } });
    expect(await comeBackAfter(DOWN_AFTER_MS / 1000 - 2)).toBe(false);
    await due(id, 5);
    await fireAll();
    const firings = await world.firings(id);
    expect(firings.length).toBeGreaterThanOrEqual(6);
    expect(new Set(firings.map(({ key }) => key)).size).toBe(firings.length);
    expect(firings.every(({ status, count }) => status === 'fired' && count === 1)).toBe(true);
    await world.sql(
      'UPDATE outlast.automations SET enabled = false, paused_reason = $2, next_due_at = NULL WHERE id = $1',
      [id, 'request'],
    );
  });

  test.each(['none', 'last'] as const)(
    'while everything was down is made up for as catchUp %s says',
    async (catchUp) => {
      const { id } = await world.make({ trigger: EVERY_SECOND, catchUp, concurrency: { max: 50 } });
      await due(id, 20);
      expect(await comeBackAfter(21)).toBe(true);
      await fireBy(id);
      await world.sql(
        'UPDATE outlast.automations SET enabled = false, paused_reason = $2, next_due_at = NULL WHERE id = $1',
        [id, 'request'],
      );
      const [skipped, ...fired] = await world.firings(id);
      const missed = catchUp === 'none' ? 20 : 19;
      expect(skipped).toMatchObject({ status: 'skipped', reason: 'missed', executionId: null });
      // Of the last second it cannot be told here whether it was begun.
      expect(missed - Number(skipped?.count)).toBeLessThanOrEqual(1);
      expect(fired.every(({ status }) => status === 'fired')).toBe(true);
      const late = fired.filter(({ scheduledFor }) => Date.now() - scheduledFor.getTime() > 4000);
      expect(late).toHaveLength(0);
      const madeUp = fired.filter(({ key }) => Date.parse(key) <= Date.now() - 1000);
      if (catchUp === 'last') expect(madeUp.length).toBeGreaterThanOrEqual(1);
      expect(await world.executions(id)).toHaveLength(fired.length);
    },
  );

  test('is known to have been missed by all who come back at once', async () => {
    const { id } = await world.make({ trigger: { type: 'schedule', cron: '* * * * *' } });
    await due(id, 30);
    await world.sql(`UPDATE outlast.schedule_clock SET looked_at = now() - interval '40 s'`);
    const back = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const isFirst = await recordLook(world.db);
        await fireAll();
        return isFirst;
      }),
    );
    expect(back.filter(Boolean)).toHaveLength(1);
    expect((await world.firings(id))[0]).toMatchObject({ status: 'skipped', reason: 'missed' });
  });

  test('waits until somebody has noted that nobody was there', async () => {
    const { id } = await world.make({ trigger: EVERY_MINUTE });
    await due(id, 12);
    await world.sql(`UPDATE outlast.schedule_clock SET looked_at = now() - interval '15 s'`);
    expect(await fireBy(id)).toBeUndefined();
    expect(await world.firings(id)).toEqual([]);
    expect(await recordLook(world.db)).toBe(true);
    expect(await fireBy(id)).toMatchObject([{ status: 'skipped' }]);
  });

  test('that cannot be fired stays due', async () => {
    await world.sql('UPDATE outlast.schedule_clock SET down_until = NULL');
    const { id } = await world.make({ trigger: EVERY_MINUTE });
    await due(id, 3);
    const renderInput = () => {
      throw new Error('broken');
    };
    await expect(fireBy(id, { ...world.deps, renderInput })).rejects.toThrow('broken');
    expect(await world.firings(id)).toEqual([]);
    expect((await findDue(world.db, 10)).map((each) => each.id)).toContain(id);
    await fireAll();
    expect(await world.firings(id)).toMatchObject([{ status: 'fired' }]);
  });

  test('stops with the failure that pauses its automation', async () => {
    const { id } = await world.make({ trigger: EVERY_MINUTE, pauseAfterFailures: 1 });
    await due(id, 2);
    await fireAll();
    await world.end('failed', ...(await world.executions(id)).map((each) => each.id));
    await due(id, 1);
    await fireAll();
    expect(await world.read(id)).toMatchObject({ enabled: false, nextDueAt: null, pausedReason: 'failures' });
    expect(await world.firings(id)).toMatchObject([{ status: 'failed', reason: 'model-error' }]);
  });
});
