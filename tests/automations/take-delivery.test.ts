import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type DeliveryDeps,
  type OfferedDelivery,
  takeDelivery,
  type VerifySignature,
} from '../../src/automations/take-delivery.ts';
import { Problem } from '../../src/problems/problem.ts';
import { type AutomationWorld, openAutomationWorld } from './world.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';

/** Genuine is what says so; a delivery is known by its header. */
const verifySignature: VerifySignature = async (_, { header, body }) =>
  header('signature') === 'good' && body.length > 0 ? { deliveryId: header('id') } : undefined;

describe('a delivery', () => {
  let world: AutomationWorld;
  let deps: DeliveryDeps;
  let limited: boolean;

  beforeAll(async () => {
    world = await openAutomationWorld();
    deps = {
      ...world.deps,
      db: world.db,
      databaseOf: () => world.db,
      verifySignature,
      limitRate: async () => {
        if (limited) throw new Problem('unavailable', 'Too many');
      },
      renderInput: (input, { payload }) =>
        payload === null ? undefined : `${input} ${JSON.stringify(payload)}`,
    };
    limited = false;
  });
  afterAll(() => world.dispose());

  async function makeWebhook(settings: object = {}): Promise<string> {
    const { id } = await world.make({ concurrency: { max: 50 }, ...settings });
    await world.sql(
      `UPDATE outlast.automations SET trigger = '{"type":"webhook"}', trigger_type = 'webhook', event_name = NULL
       WHERE id = $1`,
      [id],
    );
    return id;
  }

  function offer(headers: Record<string, string>, body = '{"a":1}'): OfferedDelivery {
    return {
      header: (name) => headers[name],
      readBody: async () => {
        if (body.length > 1000) throw new Problem('body-too-large', 'The body is too large');
        return Buffer.from(body);
      },
      parseBody: (bytes) => {
        try {
          return JSON.parse(bytes.toString());
        } catch {
          throw new Problem('malformed-json', 'The body is not valid JSON');
        }
      },
    };
  }

  const good = { signature: 'good', id: 'd1' };

  /** The code of the problem. */
  function refused(id: string, delivery: OfferedDelivery): Promise<string> {
    return takeDelivery(deps, id, delivery).then(
      () => 'taken',
      (error: unknown) => (error instanceof Problem ? error.code : String(error)),
    );
  }

  test('fires the automation once, however often it comes at once', async () => {
    const id = await makeWebhook();
    const all = await Promise.all(Array.from({ length: 20 }, () => takeDelivery(deps, id, offer(good))));
    expect(new Set(all.map(({ firing }) => `${firing.id} ${String(firing.executionId)}`)).size).toBe(1);
    const [firing, ...others] = await world.firings(id);
    expect(others).toEqual([]);
    expect(firing).toMatchObject({ cause: 'webhook', key: 'd1', status: 'fired' });
    const executions = await world.executions(id);
    expect(executions).toMatchObject([
      { input: { parts: [{ text: 'say hello {"a":1}' }] }, source: 'automation' },
    ]);
    expect(world.launched.filter((each) => each === executions[0]?.id)).toHaveLength(1);
    await takeDelivery(deps, id, offer({ ...good, id: 'd2' }));
    expect(await world.executions(id)).toHaveLength(2);
  });

  test('without an id is a delivery of its own', async () => {
    const id = await makeWebhook();
    await takeDelivery(deps, id, offer({ signature: 'good' }));
    await takeDelivery(deps, id, offer({ signature: 'good' }));
    expect(await world.executions(id)).toHaveLength(2);
  });

  test('that is refused is refused for the first thing that is wrong, and starts nothing', async () => {
    const id = await makeWebhook();
    const event = await world.make();
    const tooLarge = 'x'.repeat(1001);
    // From the last check to the first: each is wrong in what was wrong before, too.
    expect(await refused(id, offer(good, 'null'))).toBe('template-failed');
    expect(await refused(id, offer(good, '{'))).toBe('malformed-json');
    expect(await refused(id, offer({ ...good, id: '' }, '{'))).toBe('bad-header');
    expect(await refused(id, offer({ ...good, id: 'x'.repeat(257) }, '{'))).toBe('bad-header');
    limited = true;
    expect(await refused(id, offer({ ...good, id: '' }, '{'))).toBe('unavailable');
    await world.sql(
      `UPDATE outlast.automations SET enabled = false, paused_reason = 'request' WHERE id = $1`,
      [id],
    );
    expect(await refused(id, offer({ ...good, id: '' }, '{'))).toBe('automation-paused');
    expect(await refused(id, offer({ id: '' }, '{'))).toBe('bad-signature');
    expect(await refused(id, offer({}, tooLarge))).toBe('body-too-large');
    expect(await refused(event.id, offer({}, tooLarge))).toBe('not-found');
    expect(await refused(NOBODY, offer({}, tooLarge))).toBe('not-found');
    limited = false;
    expect(await world.firings(id)).toEqual([]);
    expect(await world.executions(id)).toEqual([]);
  });

  test('is taken with what the template lacked once that is mended', async () => {
    const id = await makeWebhook();
    expect(await refused(id, offer(good, 'null'))).toBe('template-failed');
    expect((await takeDelivery(deps, id, offer(good))).firing).toMatchObject({ key: 'd1', status: 'fired' });
  });

  test('finds nothing any more when its webhook is paused or gone before the row is held', async () => {
    for (const [change, code] of [
      [
        `UPDATE outlast.automations SET enabled = false, paused_reason = 'request' WHERE id = $1`,
        'automation-paused',
      ],
      ['DELETE FROM outlast.automations WHERE id = $1', 'not-found'],
    ] as const) {
      const id = await makeWebhook();
      const slow = { ...offer(good), parseBody: () => ({}) };
      const late: DeliveryDeps = {
        ...deps,
        limitRate: async () => void (await world.sql(change, [id])),
      };
      await expect(takeDelivery(late, id, slow)).rejects.toMatchObject({ code });
      expect(await world.executions(id)).toEqual([]);
    }
  });
});
