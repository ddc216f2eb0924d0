import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
import { expectSound, readRecord, withClient } from '../support/execution-record.ts';
import { makeTestFolder, removeTestFolder } from '../support/folders.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { readWholeStream, StreamReader } from '../support/stream-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = join(import.meta.dirname, '../..');
const TWO_TURNS = ['stream 30 20', 'call slow_report {"seconds":0.3,"name":"r"}', '---', 'stream 10 20'].join(
  '\n',
);

let otherBuild: string;
let servers: TestServer[];

beforeEach(async () => {
  otherBuild = await makeTestFolder();
  servers = [];
});

afterEach(async () => {
  for (const server of servers.reverse()) await server.dispose();
  await removeTestFolder(otherBuild);
});

/** This project as another version of it: the same but for steps that come in between, and other names of steps. */
async function buildWithOtherSteps(): Promise<string> {
  for (const part of ['src', 'workflows', 'agents', 'drizzle', 'package.json', 'CHANGELOG.md', 'docs']) {
    await cp(join(ROOT, part), join(otherBuild, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(otherBuild, 'node_modules'));
  const file = join(otherBuild, 'workflows/agent-execution.ts');
  const code = await readFile(file, 'utf8');
  const other = [
    [
      "const claim = await runStep('claim'",
      "await runStep('greet', async () => null);\n    const claim = await runStep('take'",
    ],
    ['runStep(`turn ', 'runStep(`model '],
    ["await runStep('finish'", "await runStep('look back', async () => null);\n    await runStep('finish'"],
  ].reduce((text, [from = '', to = '']) => {
    expect(text).toContain(from);
    return text.replace(from, to);
  }, code);
  await writeFile(file, other);
  return otherBuild;
}

async function serve(options: Parameters<typeof startServer>[0]): Promise<TestServer> {
  const server = await startServer(options);
  servers.push(server);
  return server;
}

/** The names of the steps that DBOS has of a segment. */
async function stepsOf(databaseUrl: string, segment: string): Promise<string[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT function_name AS name FROM dbos.operation_outputs WHERE workflow_uuid = $1 ORDER BY function_id',
      [segment],
    );
    return rows.map(({ name }) => name);
  });
}

/** Suspends one that runs, as waiting for a person does: its owner is refused from then on. */
async function suspendOne(databaseUrl: string): Promise<string> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(`
      WITH suspended AS (
        UPDATE outlast.workflow_executions
        SET status = 'suspended', suspended_reason = 'approval', worker_id = NULL, suspended_at = clock_timestamp()
        WHERE id = (SELECT id FROM outlast.workflow_executions WHERE status = 'running' ORDER BY id DESC LIMIT 1)
        RETURNING id, attempt)
      UPDATE outlast.execution_attempts a SET ended_at = clock_timestamp(), end_reason = 'suspended'
      FROM suspended s WHERE a.execution_id = s.id AND a.attempt = s.attempt RETURNING s.id`);
    if (rows[0] === undefined) throw new Error('None was running');
    return rows[0].id;
  });
}

test.each([
  ['from a build with other steps to this one', true],
  ['from this build to one with other steps', false],
])('a rolling deploy %s fails and strands nothing', async (_, oldIsOther) => {
  const cwd = await buildWithOtherSteps();
  const env = { WORKER_CONCURRENCY: '6', SHUTDOWN_GRACE_MS: '100' };
  const old = await serve({ env, ...(oldIsOther ? { cwd } : {}) });
  const fresh = await serve({ env, databaseUrl: old.databaseUrl, ...(oldIsOther ? {} : { cwd }) });
  const input = (i: number) => ({ agentId: 'operator', input: TWO_TURNS, threadId: `thread-${i % 8}` });
  // More than fit at once, and some that wait for their thread.
  const ids = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => (await start(old.url, input(i))).id),
  );
  const readers = ids.map((id) => new StreamReader(fresh.url, id));
  await waitFor(() => readers.filter(({ events }) => events.length > 5).length > 3, {
    describe: 'some that run',
  });
  const suspended = await suspendOne(old.databaseUrl);
  expect(await old.stop()).toBe(0);
  await waitFor(() => readers.every(({ isDone }) => isDone), {
    deadlineMs: 25_000,
    describe: () => `all ends\n${fresh.log()}`,
  });
  const handedOver: string[] = [];
  for (const [i, id] of ids.entries()) {
    const record = await readRecord(old.databaseUrl, id);
    if (record === undefined) throw new Error('An execution is gone');
    expect(record.status).toBe('completed');
    await expectSound(record);
    expect(readers[i]?.events).toEqual(await readWholeStream(fresh.url, id));
    const reasons = record.attempts.map(({ endReason }) => endReason);
    if (reasons.includes('drained')) handedOver.push(id);
    expect(reasons.includes('suspended')).toBe(id === suspended);
  }
  expect(handedOver.length).toBeGreaterThan(0);
  for (const id of handedOver) {
    const { segment } = (await ask(fresh.url, `/executions/${id}`)).json() as unknown as { segment: number };
    const [first] = await stepsOf(old.databaseUrl, `${id}:${segment}`);
    expect(first).toBe(oldIsOther ? 'claim' : 'greet');
  }
  expect(fresh.log()).not.toMatch(/"level":(50|60)/);
  for (const reader of readers) reader.close();
});
