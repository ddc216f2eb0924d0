import { afterEach, describe, expect, test } from '@jest/globals';
import { type ExecutionRecord, expectSound } from '../support/execution-record.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  arm,
  endings,
  expectDeath,
  FollowedExecution,
  SCRIPT,
  startKillable,
  whenSeen,
} from './recovery-run.ts';

let server: TestServer;

afterEach(() => server.dispose());

const HAND_OVER = "UPDATE outlast.workflow_executions e\\s+SET status = 'queued'";
const LEASE = 'delete from "outlast"."workers"';
const AT_ONCE = { SHUTDOWN_GRACE_MS: '0' };

/** Starts the script and gives SIGTERM when its reader has seen something. */
async function terminateWhenSeen(turn: number, sees: RegExp, script = SCRIPT): Promise<FollowedExecution> {
  const execution = new FollowedExecution(server);
  await execution.start(
    script,
    whenSeen(turn, sees, () => server.signal('SIGTERM')),
  );
  return execution;
}

describe('SIGTERM in the middle of a turn', () => {
  test('without grace hands the execution over, and the next start completes it', async () => {
    server = await startKillable({ env: AT_ONCE });
    // Long enough that the signal comes in the middle of it, also on a busy machine.
    const execution = await terminateWhenSeen(1, /\bw4\b/, SCRIPT.replace('stream 10 9', 'stream 100 20'));
    expect(await server.exited()).toBe(0);
    expect(await execution.record()).toMatchObject({
      status: 'queued',
      attempts: [{ endReason: 'drained' }],
    });
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.attempts.map(({ endReason }) => endReason)).toEqual(['drained', 'completed']);
    expect(record.log.filter(({ chunk }) => chunk.type === 'reset-step')).toHaveLength(1);
  });

  test('lets the turn end within the grace time, and streams nothing of it again', async () => {
    server = await startKillable();
    const execution = await terminateWhenSeen(1, /\bw4\b/);
    expect(await server.exited()).toBe(0);
    const drained = await execution.record();
    expect(drained).toMatchObject({ status: 'queued', turns: [{ finishReason: 'tool-calls' }] });
    expect(drained?.calls.map(({ status }) => status)).toEqual(['pending', 'pending', 'pending']);
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.log.filter(({ chunk }) => chunk.type === 'reset-step')).toEqual([]);
  });

  test('completes what needs no more than that', async () => {
    server = await startKillable();
    const execution = await terminateWhenSeen(1, /\bw4\b/, 'stream 10 9');
    expect(await server.exited()).toBe(0);
    expect(await execution.record()).toMatchObject({ status: 'completed' });
    await server.start();
    await execution.expectUnharmed(await execution.finished());
  });

  test('lets a tool end that must not be called twice', async () => {
    server = await startKillable();
    const execution = await terminateWhenSeen(1, /"finish-step"/);
    expect(await server.exited()).toBe(0);
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.calls.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
  });

  test('without grace leaves the outcome of such a tool to a person, and does not call it again', async () => {
    server = await startKillable({ env: AT_ONCE });
    const script = 'call slow_report {"seconds":60,"name":"long"}';
    const execution = new FollowedExecution(server);
    await execution.start(script);
    await waitFor(async () => (await execution.record())?.calls[0]?.status === 'running', {
      describe: 'the call',
    });
    expect(await server.stop()).toBe(0);
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.calls).toMatchObject([{ status: 'denied', errorCode: 'denied' }]);
    expect([endings(record, 'drained'), endings(record, 'completed')]).toEqual([1, 1]);
  });

  test('is heard while a model call waits to be made again', async () => {
    server = await startKillable();
    const execution = new FollowedExecution(server);
    await execution.start('fail http-500 3\nsay There you are');
    await waitFor(async () => (await execution.record())?.turns[0]?.failures.length === 2, {
      describe: 'two failures',
    });
    expect(await server.stop()).toBe(0);
    expect(await execution.record()).toMatchObject({ status: 'queued' });
  });
});

describe('SIGKILL during a drain', () => {
  test.each([
    {
      name: 'the hand-over is committed',
      moment: 'before',
      matches: HAND_OVER,
      event: 'commit',
      ended: 'crashed',
    },
    {
      name: 'the hand-over is committed',
      moment: 'after',
      matches: HAND_OVER,
      event: 'commit',
      ended: 'drained',
    },
    {
      name: 'the lease is given back',
      moment: 'before',
      matches: LEASE,
      event: 'statement',
      ended: 'drained',
    },
    {
      name: 'the lease is given back',
      moment: 'after',
      matches: LEASE,
      event: 'statement',
      ended: 'drained',
    },
  ] as const)('$moment $name loses nothing', async ({ name: _, ended, ...point }) => {
    server = await startKillable({ env: AT_ONCE });
    await arm(server, point);
    const execution = await terminateWhenSeen(2, /\bw5\b/);
    await expectDeath(server);
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(endings(record, ended)).toBe(1);
    expect(record.attempts.at(-1)?.endReason).toBe('completed');
  });
});

describe('a second SIGTERM', () => {
  const ENDLESS = 'stream 100000 20';

  test('ends the process at once, and the next start goes on', async () => {
    server = await startKillable();
    const execution = await terminateWhenSeen(1, /\bw4\b/, ENDLESS);
    await waitFor(() => server.log().includes('once more'), { describe: 'the drain' });
    const drainsSince = performance.now();
    await waitFor(() => performance.now() - drainsSince > 600, { describe: 'a second wish' });
    const asked = performance.now();
    expect(await server.stop()).toBe(1);
    expect(performance.now() - asked).toBeLessThan(5000);
    await server.start();
    await waitFor(async () => ((await execution.record())?.attempts.length ?? 0) > 1, {
      describe: 'the next attempt',
    });
  });

  test('that comes with the first one is the same wish', async () => {
    server = await startKillable();
    const execution = new FollowedExecution(server);
    const twice = () => {
      server.signal('SIGTERM');
      server.signal('SIGTERM');
    };
    await execution.start('stream 60 10', whenSeen(1, /\bw4\b/, twice));
    expect(await server.exited()).toBe(0);
    expect(await execution.record()).toMatchObject({ status: 'completed' });
  });
});

/** One turn, then tools: a draining process gives it away in between. */
const TWO_TURNS = 'stream 100 20\ncall lookup_order {"orderId":"A-1"}\n---\nsay The end';

test('a server that ends gives away what it has between two turns, and does not take it back', async () => {
  server = await startKillable();
  const other = await startKillable({ databaseUrl: server.databaseUrl });
  try {
    const busy = new FollowedExecution(server);
    await busy.start('stream 400 10');
    const short = Array.from({ length: 8 }, () => new FollowedExecution(server));
    await Promise.all(short.map((each) => each.start(TWO_TURNS)));
    await waitFor(async () => (await short[7]?.record())?.status === 'running', {
      describe: 'the last to begin',
    });
    server.signal('SIGTERM');
    let drained = 0;
    for (const execution of short) {
      await waitFor(async () => (await execution.record())?.status === 'completed', { describe: 'the end' });
      const record = (await execution.record()) as ExecutionRecord;
      await expectSound(record);
      const [first, second] = record.attempts;
      // On a busy machine one of the first may have come to its end before the signal.
      if (first?.endReason === 'completed') continue;
      expect(first?.endReason).toBe('drained');
      // Taken back and refused, the next segment would have waited for a healer, which makes yet another one.
      expect([first?.segment, second?.segment]).toEqual([1, 2]);
      drained += 1;
    }
    expect(drained).toBeGreaterThan(0);
    expect(await server.exited()).toBe(0);
  } finally {
    await other.dispose();
  }
});
