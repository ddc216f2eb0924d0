import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { start } from '../http/client.ts';
import { readRecord } from '../support/execution-record.ts';
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

beforeEach(async () => {
  server = await startKillable();
});

afterEach(() => server.dispose());

const HAND_OVER = "UPDATE outlast.workflow_executions e\\s+SET status = 'queued'";
const CLAIM = 'update "outlast"."workflow_executions" set .*\\["running"';

/** Kills the server when the reader has seen each of these, one after the other, and starts it after each. */
function killInTurn(...marks: RegExp[]): (event: { data: string }) => void {
  return ({ data }) => {
    if (marks[0]?.test(data) !== true) return;
    marks.shift();
    server.signal('SIGKILL');
  };
}

describe('an execution outlasts', () => {
  test('two kills in one turn, which superseded both its tries', async () => {
    const execution = new FollowedExecution(server);
    await execution.start(SCRIPT, killInTurn(/\bw4\b/, /\bw6\b/));
    for (const _ of [1, 2]) {
      await expectDeath(server);
      await server.start();
    }
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(endings(record, 'crashed')).toBe(2);
    expect(record.log.filter(({ chunk }) => chunk.type === 'reset-step').map(({ turn }) => turn)).toEqual([
      1, 1,
    ]);
  });

  test('a kill in each of its turns', async () => {
    const execution = new FollowedExecution(server);
    await execution.start(SCRIPT, killInTurn(/"id":"t1.*\bw8\b/, /"id":"t2.*\bw2\b/));
    for (const _ of [1, 2]) {
      await expectDeath(server);
      await server.start();
    }
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.log.filter(({ chunk }) => chunk.type === 'reset-step').map(({ turn }) => turn)).toEqual([
      1, 2,
    ]);
  });

  test.each([
    { moment: 'before', matches: HAND_OVER, name: 'its takeover is committed' },
    { moment: 'after', matches: HAND_OVER, name: 'its takeover is committed' },
    { moment: 'after', matches: CLAIM, name: 'it was claimed again' },
  ] as const)('a second kill $moment $name', async ({ moment, matches }) => {
    const execution = new FollowedExecution(server);
    await execution.start(
      SCRIPT,
      whenSeen(1, /\bw5\b/, () => server.signal('SIGKILL')),
    );
    await expectDeath(server);
    await arm(server, { event: 'commit', matches, moment });
    await server.start().catch(() => undefined);
    await expectDeath(server);
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    expect(record.attempts.at(-1)?.endReason).toBe('completed');
  });

  test('a kill while its model call waits to be made again', async () => {
    const execution = new FollowedExecution(server);
    await execution.start('say Well\nfail cut 2');
    await waitFor(async () => (await execution.record())?.turns[0]?.failures.length === 1, {
      describe: 'a failure',
    });
    await server.kill();
    await server.start();
    const record = await execution.finished();
    await execution.expectUnharmed(record);
    // The new process's model has not failed yet: it does so twice more, and all three count.
    expect(record.turns[0]?.failures).toHaveLength(3);
  });

  test('a kill of the server that runs many of them', async () => {
    const executions = Array.from({ length: 25 }, () => new FollowedExecution(server));
    await Promise.all(executions.map((each) => each.start(SCRIPT)));
    await server.kill();
    await server.start();
    for (const execution of executions) await execution.expectUnharmed(await execution.finished());
  });
});

test('executions that wait for their thread go on one after the other', async () => {
  const ids: string[] = [];
  for (const text of ['stream 10 10', 'say second', 'say third']) {
    ids.push((await start(server.url, { agentId: 'operator', threadId: 'busy', input: text })).id);
  }
  await server.kill();
  await server.start();
  for (const id of ids) {
    await waitFor(async () => (await readRecord(server.databaseUrl, id))?.status === 'completed', {
      describe: id,
    });
  }
});
