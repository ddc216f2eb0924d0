import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExecutionRecord } from '../support/execution-record.ts';
import type { TestServer } from '../support/server.ts';
import { NAMED_KILLS, STREAM_KILLS } from './kill-table.ts';
import {
  arm,
  comparableParts,
  endings,
  expectDeath,
  FollowedExecution,
  SCRIPT,
  startKillable,
  whenSeen,
  withUnknownReport,
} from './recovery-run.ts';

/** Far more than it takes, so that a busy machine fails nothing. */
const GOES_ON_WITHIN_MS = 10_000;

let server: TestServer;
let undisturbed: ExecutionRecord;

beforeAll(async () => {
  server = await startKillable({ env: { LOG_LEVEL: 'warn' } });
  const execution = new FollowedExecution(server);
  await execution.start(SCRIPT);
  undisturbed = await execution.finished();
  await execution.expectUnharmed(undisturbed);
});

afterAll(() => server.dispose());

function expectSameAnswer(record: ExecutionRecord): void {
  const report = record.calls.find(({ toolName }) => toolName === 'slow_report');
  const whole = undisturbed.message?.parts ?? [];
  expect(comparableParts(record)).toEqual(report?.status === 'denied' ? withUnknownReport(whole) : whole);
}

/** Starts the server again and looks at how the execution went on. */
async function expectRecovery(execution: FollowedExecution): Promise<ExecutionRecord> {
  await server.start();
  const readyAt = Date.now();
  const record = await execution.finished();
  await execution.expectUnharmed(record);
  expectSameAnswer(record);
  const lastClaim = record.attempts.at(-1)?.startedAt.getTime() ?? Number.POSITIVE_INFINITY;
  expect(lastClaim - readyAt).toBeLessThan(GOES_ON_WITHIN_MS);
  return record;
}

describe('an execution outlasts a SIGKILL', () => {
  test.each(NAMED_KILLS)('$name', async ({ point, ...expected }) => {
    const execution = new FollowedExecution(server);
    await arm(server, point);
    await execution.start(SCRIPT);
    await expectDeath(server);
    const record = await expectRecovery(execution);
    if (expected.crashed !== undefined) expect(endings(record, 'crashed')).toBe(expected.crashed);
    const report = record.calls.find(({ toolName }) => toolName === 'slow_report');
    if (expected.report !== undefined) expect(report?.status).toBe(expected.report);
    expect(record.attempts.at(-1)?.endReason).toBe('completed');
  });

  test.each(STREAM_KILLS)('when a reader has seen $name', async ({ sees, turn }) => {
    const execution = new FollowedExecution(server);
    await execution.start(
      SCRIPT,
      whenSeen(turn, sees, () => server.signal('SIGKILL')),
    );
    await expectDeath(server);
    const record = await expectRecovery(execution);
    expect(endings(record, 'crashed')).toBe(1);
    expect(record.attempt).toBeGreaterThan(undisturbed.attempt);
  });
});
