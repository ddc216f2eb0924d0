import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { start } from '../http/client.ts';
import { denyPending } from '../support/deny-pending.ts';
import { type ExecutionRecord, expectSound, readEffects, readRecord } from '../support/execution-record.ts';
import type { KillPoint } from '../support/kill-points.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { arm, SCRIPT, startKillable } from './recovery-run.ts';

const LEASE = { WORKER_HEARTBEAT_MS: '100', WORKER_DEAD_AFTER_MS: '1000' };

const FLUSH = 'INSERT INTO outlast.stream_chunks .*unnest.*';
const TURN_END = 'insert into "outlast"."execution_turns"';
const TOOL_START = 'update "outlast"."tool_calls" set .*\\["running"';
const REPORT_END = 'update "outlast"."tool_calls" set .*\\["completed".*march';
const MESSAGE = 'insert into "outlast"."messages".*"assistant"';

let frozen: TestServer;
let other: TestServer;

beforeEach(async () => {
  frozen = await startKillable({ env: LEASE });
});

afterEach(async () => {
  frozen.signal('SIGCONT');
  await other.dispose();
  await frozen.dispose();
});

/**
 * Lets a process freeze at this point in the middle of an execution until another one has finished it, then go on as
 * if nothing had happened; gives what is stored when it has ended.
 */
async function freezeAt(point: Omit<KillPoint, 'signal'>, input = SCRIPT): Promise<ExecutionRecord> {
  await arm(frozen, { ...point, signal: 'SIGSTOP' });
  const { id } = await start(frozen.url, { agentId: 'operator', input });
  other = await startServer({ env: LEASE, databaseUrl: frozen.databaseUrl });
  const reader = new StreamReader(other.url, id);
  const isOver = async () => {
    await denyPending(other.url, frozen.databaseUrl, id);
    return reader.isDone;
  };
  await waitFor(isOver, {
    deadlineMs: 20_000,
    describe: () => `the end\n${frozen.log()}\n${other.log()}`,
  });
  const before = await readRecord(frozen.databaseUrl, id);
  frozen.signal('SIGCONT');
  expect(await frozen.exited()).toBe(1);
  const record = await readRecord(frozen.databaseUrl, id);
  if (record === undefined || before === undefined) throw new Error('The execution is gone');
  expect(record).toEqual(before);
  expect(record.status).toBe('completed');
  await expectSound(record);
  expect(reader.events).toEqual(record.log.map(({ seq, bytes }) => ({ id: String(seq), data: bytes })));
  expect(endReasons(record)).toEqual(['lease-lost', 'completed']);
  expect(frozen.log()).not.toContain('execution.failed');
  reader.close();
  return record;
}

/** Why its attempts ended. A denial may come before the suspension, which then is none. */
function endReasons({ attempts }: ExecutionRecord): (string | null)[] {
  return attempts.map(({ endReason }) => endReason).filter((reason) => reason !== 'suspended');
}

async function reportsMade(id: string): Promise<number[]> {
  const effects = await Promise.all([frozen, other].map((server) => readEffects(server.dataDir, id)));
  return effects.map((lines) => lines.filter(({ tool }) => tool === 'slow_report').length);
}

function reportOf({ calls }: ExecutionRecord): string | undefined {
  return calls.find(({ toolName }) => toolName === 'slow_report')?.status;
}

describe('a process that is frozen for longer than its lease, and then goes on,', () => {
  test.each([
    ['with rows to write', { event: 'statement', matches: `${FLUSH}text-delta`, moment: 'before', nth: 4 }],
    ['in mid-stream', { event: 'statement', matches: `${FLUSH}text-delta`, moment: 'after', nth: 4 }],
    ['with the end of its turn to commit', { event: 'commit', matches: TURN_END, moment: 'before' }],
    ['with the end of the execution to commit', { event: 'commit', matches: MESSAGE, moment: 'before' }],
  ] as const)('%s, writes nothing more, tells nobody and ends', async (_, point) => {
    await freezeAt(point);
  });

  test('right before a call, does not make it; nobody else does either', async () => {
    const input = 'call slow_report {"seconds":0.08,"name":"march"}';
    const record = await freezeAt({ event: 'commit', matches: TOOL_START, moment: 'after' }, input);
    expect(reportOf(record)).toBe('denied');
    expect(await reportsMade(record.id)).toEqual([0, 0]);
  });

  test('with the result of a call to commit, is refused; nobody calls again', async () => {
    const record = await freezeAt({ event: 'commit', matches: REPORT_END, moment: 'before' });
    expect(reportOf(record)).toBe('denied');
    expect(await reportsMade(record.id)).toEqual([1, 0]);
  });
});

test('a process that computes for longer than its lease has lost what it ran, and ends', async () => {
  const env = { ...LEASE, OUTLAST_AGENTS_DIR: 'tests/crash/fixtures/poison' };
  await frozen.dispose();
  frozen = await startServer({ env });
  other = await startServer({ env, databaseUrl: frozen.databaseUrl });
  const { id } = await start(frozen.url, { agentId: 'sleeper', input: 'call stall {"seconds":3}' });
  const stored = () => readRecord(frozen.databaseUrl, id);
  const isOver = async () => {
    await denyPending(other.url, frozen.databaseUrl, id);
    return (await stored())?.status === 'completed';
  };
  await waitFor(isOver, {
    deadlineMs: 20_000,
    describe: () => `the end\n${frozen.log()}\n${other.log()}`,
  });
  expect(await frozen.exited()).toBe(1);
  const record = await stored();
  expect(endReasons(record as ExecutionRecord)).toEqual(['lease-lost', 'completed']);
  expect(record?.calls.map(({ status }) => status)).toEqual(['denied']);
  await expectSound(record as ExecutionRecord);
});
