import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findWebhook } from '../../src/automations/find-webhook.ts';
import { type Delivery, fireWebhook } from '../../src/automations/fire-webhook.ts';
import { transaction } from '../../src/db/database.ts';
import { type AutomationWorld, openAutomationWorld } from './world.ts';

let world: AutomationWorld;

beforeAll(async () => {
  world = await openAutomationWorld();
});
afterAll(() => world.dispose());

const ANYBODY = { type: 'webhook', signature: 'none', toleranceSeconds: 300 } as const;

async function deliver(id: string, delivery: Partial<Delivery> = {}) {
  const webhook = await findWebhook(world.db.orm, id);
  const whole = {
    headers: {},
    rawBody: Buffer.from('{}'),
    covered: undefined,
    payload: {},
    requestId: 'r1',
    ...delivery,
  };
  const deps = { ...world.deps, encryptionKeys: undefined };
  return transaction(world.db, (tx) => fireWebhook(tx, deps, webhook, whole));
}

test('a request whose commit was not heard of is known again, and another one counts', async () => {
  const { id } = await world.make({ trigger: ANYBODY, concurrency: { max: 10, onBusy: 'skip' } });
  const [first, again] = [await deliver(id), await deliver(id)];
  expect(again.firing.id).toBe(first.firing.id);
  const other = await deliver(id, { requestId: 'r2' });
  expect(other.firing.id).not.toBe(first.firing.id);
  expect(await world.executions(id)).toHaveLength(2);
});

test('the end of an execution makes room for a delivery that comes before anybody has taken note of it', async () => {
  const { id } = await world.make({ trigger: ANYBODY });
  const { firing } = await deliver(id, { requestId: 'a' });
  expect((await deliver(id, { requestId: 'b' })).firing).toMatchObject({ status: 'skipped', reason: 'busy' });
  await world.end('completed', firing.executionId ?? '');
  expect((await deliver(id, { requestId: 'c' })).firing).toMatchObject({ status: 'fired' });
});

test('a failure that pauses the automation refuses the delivery that finds it', async () => {
  const { id } = await world.make({ trigger: ANYBODY, pauseAfterFailures: 1 });
  const { firing } = await deliver(id, { requestId: 'a' });
  await world.end('failed', firing.executionId ?? '');
  await expect(deliver(id, { requestId: 'b' })).rejects.toMatchObject({ code: 'automation-paused' });
  expect(await world.firings(id)).toHaveLength(1);
});
