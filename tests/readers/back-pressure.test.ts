import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { ask, start } from '../http/client.ts';
import { textOf } from '../providers/model-server.ts';
import { type ExecutionRecord, expectSound, readRecord } from '../support/execution-record.ts';
import { type FakeOpenAi, says, startFakeOpenAi, toEvent } from '../support/fake-openai.ts';
import { heldBytes, MEASURABLE } from '../support/heap.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openPostgresProxy, type PostgresProxy } from '../support/postgres-proxy.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { BodyReader, digestOfStream } from './body-reader.ts';
import { SlowReader } from './slow-reader.ts';

/* A model that is faster than the log, and readers that are slower. */

const KB = 1024;
const MB = 1024 * KB;
const DELTA_BYTES = 64 * KB;
/** Far more than all the sockets between model and log hold. */
const ANSWER_BYTES = 20 * MB;
/** Polls after which what has not moved stands still. */
const STILL = 20;

let fake: FakeOpenAi;
let database: TestDatabase;
let proxy: PostgresProxy;
let server: TestServer;

beforeAll(async () => {
  fake = await startFakeOpenAi();
  database = await createTestDatabase();
  proxy = await openPostgresProxy(database.url);
  server = await startServer({
    databaseUrl: proxy.url,
    env: {
      ...MEASURABLE,
      OUTLAST_MODEL: 'compatible:test',
      OUTLAST_MODEL_BASE_URL: fake.url,
      OUTLAST_MODEL_API_KEY: 'key',
      OUTLAST_AGENTS_DIR: 'tests/providers/fixtures',
      // A Postgres that stands still for a while is no death of the worker.
      WORKER_DEAD_AFTER_MS: '60000',
    },
  });
});

afterAll(async () => {
  await server?.dispose();
  await proxy?.close();
  await fake?.close();
  await database?.drop();
});

test('a Postgres that stands still, then breaks, pauses the model and loses nothing', async () => {
  const answer = fastAnswer('much', ANSWER_BYTES);
  const { id } = await start(server.url, { agentId: 'plain', input: 'much' });
  const reader = new BodyReader(server.url, id);
  await until(() => reader.bytes > 0.5 * MB, 'the first rows');
  const before = await heldBytes(server);
  proxy.stall();
  await standstill(() => answer.sent);
  expect(answer.sent).toBeLessThan(ANSWER_BYTES);
  expect((await heldBytes(server)) - before).toBeLessThan(12 * MB);
  const paused = answer.sent;
  proxy.resume();
  await until(() => answer.sent > paused + MB, 'the model to go on');
  proxy.cut();
  await standstill(() => answer.sent);
  expect(answer.sent).toBeLessThan(ANSWER_BYTES);
  proxy.restore();
  await reader.closed;
  const record = await expectWhole(id, ANSWER_BYTES);
  expect(record.attempt).toBe(1);
  expect(reader.digest()).toBe(digestOfStream(record.log));
});

test('readers of 1 KB a second hold up nobody, and cost a bounded piece of memory', async () => {
  const bytes = 8 * MB;
  fastAnswer('slow', bytes);
  const before = await heldBytes(server);
  const { id } = await start(server.url, { agentId: 'plain', input: 'slow', threadId: 'slow' });
  const ofExecution = `/executions/${id}/stream`;
  const ofThread = '/threads/slow/stream?after=0.0';
  const slow = [...slowReaders(5, ofExecution), ...slowReaders(5, ofThread)];
  try {
    const fast = Array.from({ length: 3 }, () => new BodyReader(server.url, id));
    await Promise.all(fast.map(({ closed }) => closed));
    const record = await expectWhole(id, bytes);
    // From now on each reads the table for itself.
    slow.push(...slowReaders(13, ofExecution), ...slowReaders(12, ofThread));
    await until(() => slow.every(({ bytes }) => bytes > 0), 'the first bytes for every reader');
    fast.push(new BodyReader(server.url, id));
    await fast.at(-1)?.closed;
    for (const reader of fast) expect(reader.digest()).toBe(digestOfStream(record.log));
    // A batch for each, not what each is behind: that would be 100 MB.
    expect((await heldBytes(server)) - before).toBeLessThan(40 * MB);
    for (const reader of slow) {
      expect(reader.isClosed).toBe(false);
      expect(reader.bytes).toBeLessThan(MB);
    }
  } finally {
    for (const reader of slow) reader.leave();
  }
});

function slowReaders(count: number, path: string): SlowReader[] {
  return Array.from({ length: count }, () => new SlowReader(server.url, path));
}

jest.setTimeout(60_000);

const until = (probe: () => unknown, describe: string) => waitFor(probe, { describe, deadlineMs: 20_000 });

/** Resolves once a number has not changed for a while. */
async function standstill(read: () => number): Promise<void> {
  let last = -1;
  let still = 0;
  await until(() => {
    still = read() === last ? still + 1 : 0;
    last = read();
    return still > STILL;
  }, 'a standstill');
}

/** Makes the model answer with so many bytes, as fast as they are taken; `sent` have left it. */
function fastAnswer(input: string, bytes: number): { sent: number } {
  const answer = { sent: 0 };
  fake.answer(input, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const step = () => {
      if (answer.sent >= bytes) return void response.end(`${toEvent({ finish: 'stop' })}data: [DONE]\n\n`);
      response.write(toEvent(says(textAt(answer.sent))), () => {
        answer.sent += DELTA_BYTES;
        step();
      });
    };
    step();
  });
  return answer;
}

/** What stands at an offset of every answer. */
function textAt(offset: number): string {
  return `${offset};`.padEnd(DELTA_BYTES, 'x');
}

/** Once it has completed: everything is stored, in the log and in the message. */
async function expectWhole(id: string, bytes: number): Promise<ExecutionRecord> {
  expect((await ask(server.url, `/executions/${id}/wait`)).json()).toMatchObject({ status: 'completed' });
  const record = await readRecord(database.url, id);
  if (record === undefined) throw new Error(`There is no ${id}`);
  await expectSound(record);
  const text = textOf(record);
  const expected = Array.from({ length: bytes / DELTA_BYTES }, (_, i) => textAt(i * DELTA_BYTES)).join('');
  expect(text.length).toBe(bytes);
  expect(text === expected).toBe(true);
  return record;
}
