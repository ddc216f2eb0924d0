import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pino from 'pino';
import { AutomationRunner } from '../../src/automations/automation-runner.ts';
import { failureLogger } from '../../src/automations/failure-logger.ts';
import { ConnectionLost } from '../../src/db/errors.ts';
import { waitFor } from '../support/wait-for.ts';
import { type AutomationWorld, openAutomationWorld } from './world.ts';

const broken = new Error('broken');
let world: AutomationWorld;
let attempts = 0;

beforeAll(async () => {
  const dispatch = async () => {
    attempts += 1;
    throw broken;
  };
  world = await openAutomationWorld({ dispatch });
});
afterAll(() => world.dispose());

/** A logger, and what it was told. */
function listen() {
  const told: Record<string, unknown>[] = [];
  return { told, logger: pino({}, { write: (line) => void told.push(JSON.parse(line)) }) };
}

test('what cannot be fired is tried again and again, and logged once', async () => {
  const { id } = await world.make({ trigger: { type: 'schedule', cron: '* * * * * *' } });
  const { told, logger } = listen();
  const { db, deps: fire } = world;
  const runner = new AutomationRunner({ db, databaseOf: () => db, fire, mayStart: () => true, logger });
  runner.start();
  try {
    await waitFor(async () => attempts >= 3, { describe: 'three attempts' });
  } finally {
    await runner.stop();
  }
  const failures = told.filter(({ msg }) => msg === 'automations.failed');
  expect(failures).toMatchObject([{ automationId: id, err: { message: 'broken' } }]);
  expect(await world.firings(id)).toEqual([]);
});

test('a failure is logged once a minute for each automation, and for whole passes', () => {
  const { told, logger } = listen();
  let now = 0;
  const logFailure = failureLogger(logger, () => now);
  const logged = (at: number) => {
    now = at;
    told.length = 0;
    for (const id of ['a', 'b', undefined, 'a']) if (id !== 'b' || at > 0) logFailure(broken, id);
    logFailure(new ConnectionLost('away'), 'c');
    return told.map(({ automationId }) => automationId);
  };
  expect(logged(0)).toEqual(['a', undefined]);
  expect(logged(1000)).toEqual(['b']);
  expect(logged(59_999)).toEqual([]);
  expect(logged(60_000)).toEqual(['a', undefined]);
  expect(logged(61_000)).toEqual(['b']);
});
