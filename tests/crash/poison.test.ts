import { afterEach, expect, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
import { expectSound, readRecord } from '../support/execution-record.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { endings, expectDeath } from './recovery-run.ts';

let server: TestServer;

afterEach(() => server.dispose());

test('an execution that takes every worker down with it is ended when its budget is used up, and says so', async () => {
  server = await startServer({ env: { OUTLAST_AGENTS_DIR: 'tests/crash/fixtures/poison' } });
  const { id } = await start(server.url, { agentId: 'poison', input: 'call take_down {}' });
  for (let death = 1; death <= 3; death++) {
    await expectDeath(server);
    // The last of them lives: what it takes over, it ends.
    await server.start();
  }
  await waitFor(async () => (await readRecord(server.databaseUrl, id))?.status === 'failed', {
    describe: () => `the end\n${server.log()}`,
  });
  const record = await readRecord(server.databaseUrl, id);
  if (record === undefined) throw new Error('The execution is gone');
  await expectSound(record);
  expect(record.attempts.map(({ endReason }) => endReason)).toEqual([
    'crashed',
    'crashed',
    'crashed',
    'failed',
  ]);
  expect(endings(record, 'crashed')).toBe(3);
  const execution = (await ask(server.url, `/executions/${id}`)).json();
  expect(execution).toMatchObject({
    status: 'failed',
    error: { code: 'takeover-budget-exhausted', detail: expect.stringContaining('3 times') },
  });
  const timeline = (await ask(server.url, `/executions/${id}/timeline`)).json() as unknown as {
    data: { kind: string; status: string; detail: object }[];
  };
  expect(timeline.data.filter(({ kind }) => kind === 'attempt').at(-1)).toMatchObject({
    status: 'failed',
    detail: { error: { code: 'takeover-budget-exhausted' } },
  });
});
