import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { withClient } from '../support/execution-record.ts';
import type { TestServer } from '../support/server.ts';
import { PrivatePostgres } from './private-postgres.ts';
import { endings, FollowedExecution, SCRIPT, startKillable, whenSeen } from './recovery-run.ts';

/** Long enough that something can happen in the middle of each turn. */
const LONG_SCRIPT = SCRIPT.replaceAll('stream 10 9', 'stream 40 10');

const TERMINATE_ALL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;

async function expectOneAttempt(execution: FollowedExecution): Promise<void> {
  const record = await execution.finished(30_000);
  await execution.expectUnharmed(record);
  expect(record.attempts).toHaveLength(1);
  expect(endings(record, 'completed')).toBe(1);
  expect(record.turns.flatMap(({ failures }) => failures)).toEqual([]);
  expect(record.log.filter(({ chunk }) => chunk.type === 'reset-step')).toEqual([]);
  expect(record.calls.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
}

describe('an execution whose connections to Postgres are all cut', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startKillable();
  });

  afterEach(() => server.dispose());

  test.each([
    ['in mid-stream', 1, /\bw10\b/],
    ['at the end of a turn', 1, /"tool-input-available"/],
    ['while its tools run', 1, /"finish-step"/],
    ['in the second turn', 2, /\bw10\b/],
    ['near its end', 2, /\bw40\b/],
  ])('%s goes on in the same attempt, and no model failed', async (_, turn, sees) => {
    const execution = new FollowedExecution(server);
    let cuts: Promise<unknown> | undefined;
    const cut = () => {
      cuts = withClient(server.databaseUrl, (client) => client.query(TERMINATE_ALL));
    };
    await execution.start(LONG_SCRIPT, whenSeen(turn, sees, cut));
    await expectOneAttempt(execution);
    expect(cuts).toBeDefined();
    await cuts;
  });

  test('again and again goes on all the same', async () => {
    const execution = new FollowedExecution(server);
    const cuts: Promise<unknown>[] = [];
    await execution.start(LONG_SCRIPT, ({ data }) => {
      if (/\bw\d*5\b/.test(data)) {
        cuts.push(
          withClient(server.databaseUrl, (client) => client.query(TERMINATE_ALL)).catch(() => undefined),
        );
      }
    });
    await expectOneAttempt(execution);
    expect(cuts.length).toBeGreaterThan(4);
    await Promise.all(cuts);
  });
});

describe('an execution whose Postgres restarts in mid-stream', () => {
  let postgres: PrivatePostgres;
  let server: TestServer;

  beforeEach(async () => {
    postgres = await PrivatePostgres.start();
    server = await startKillable({ databaseUrl: postgres.url });
  });

  afterEach(async () => {
    await server.dispose();
    await postgres.dispose();
  });

  test.each(['SIGINT', 'SIGQUIT'] as const)(
    'after %s goes on in the same attempt, and no model failed',
    async (signal) => {
      const execution = new FollowedExecution(server);
      let restarted: Promise<void> | undefined;
      const restart = () => {
        restarted = postgres.stop(signal).then(() => postgres.start());
      };
      await execution.start(LONG_SCRIPT, whenSeen(1, /\bw10\b/, restart));
      await expectOneAttempt(execution);
      await restarted;
    },
  );
});
