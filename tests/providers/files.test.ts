import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { arm, startKillable } from '../crash/recovery-run.ts';
import { ask, run } from '../http/client.ts';
import { countRows } from '../http/row-counts.ts';
import { type FakeOpenAi, says, startFakeOpenAi, whole } from '../support/fake-openai.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startTlsFiles, type TlsFiles } from '../support/tls-files.ts';

let fake: FakeOpenAi;
let files: TlsFiles;
let server: TestServer;

function settings(): Record<string, string> {
  return {
    OUTLAST_MODEL_BASE_URL: fake.url,
    OUTLAST_MODEL_API_KEY: 'sk-test',
    OUTLAST_MODEL: 'compatible:test',
    OUTLAST_AGENTS_DIR: 'tests/providers/fixtures',
    LOG_LEVEL: 'trace',
    ...files.trust,
  };
}

beforeAll(async () => {
  [fake, files] = [await startFakeOpenAi(), await startTlsFiles()];
  server = await startKillable({ env: { ...settings(), OUTLAST_FILES_ALLOW_PRIVATE: 'true' } });
});
afterAll(async () => {
  await server?.dispose();
  await files?.close();
  await fake?.close();
});

const image = (path: string) => ({ type: 'file', mediaType: 'image/*', url: `${files.url}${path}` });
const bytesOf = (path: string) => `data:image/png;base64,${Buffer.from(path).toString('base64')}`;

/** Asks with a text and an image; the model answers. */
async function askWith(text: string, path: string, threadId: string) {
  fake.answer(text, whole(says('I see')));
  const input = { role: 'user', parts: [{ type: 'text', text }, image(path)] };
  const execution = await run(server.url, { agentId: 'plain', threadId, input });
  expect(execution['status']).toBe('completed');
  return execution;
}

/** How many rows there are of each kind that is written when a message is accepted. */
async function accepted() {
  const rows = await countRows(server.databaseUrl);
  return [rows['threads'], rows['messages'], rows['message_files'], rows['workflow_executions']];
}

/** The images that the model was sent with the newest request of this text. */
function imagesIn(text: string): unknown[] {
  const messages = fake.requests(text).at(-1)?.messages ?? [];
  return messages.flatMap(({ role, content }) =>
    role === 'user' && Array.isArray(content)
      ? content.flatMap(({ image_url: image }) => (image === undefined ? [] : [image.url]))
      : [],
  );
}

describe('a file that a user points to', () => {
  test('reaches the provider as the bytes that were there, in every turn after it', async () => {
    await askWith('first', '/one', 'seen');
    expect(imagesIn('first')).toEqual([bytesOf('/one')]);
    await askWith('second', '/two', 'seen');
    expect(imagesIn('second')).toEqual([bytesOf('/one'), bytesOf('/two')]);
    expect(files.asked).toEqual(['/one', '/two']);
    expect(JSON.stringify([fake.requests('first'), fake.requests('second')])).not.toContain('localhost:');
    expect(server.log()).not.toContain(Buffer.from('/one').toString('base64'));
    expect(server.log()).not.toContain(`${files.url}/one`);
  });

  test('goes with a fork, and does not need to be fetched for it', async () => {
    await askWith('before', '/before', 'forked');
    const { id } = await askWith('asked', '/asked', 'forked');
    const asked = files.asked.length;
    const accepted = await ask(server.url, `/executions/${id}/fork`, { body: { fromTurn: 1 } });
    const { threadId, ...fork } = accepted.json()['execution'] as { id: string; threadId: string };
    await ask(server.url, `/executions/${fork.id}/wait`);
    expect((await ask(server.url, '/threads/forked', { method: 'DELETE' })).status).toBe(204);
    fake.answer('after', whole(says('Still')));
    await run(server.url, { agentId: 'plain', threadId, input: 'after' });
    expect(imagesIn('after')).toEqual([bytesOf('/before'), bytesOf('/asked')]);
    expect(files.asked.length).toBe(asked);
  });

  test('is a note to the model in a fork of what was asked before an edit', async () => {
    const { id, inputMessageId } = await askWith('edited', '/edited', 'edited');
    fake.answer('other', whole(says('Other')));
    const path = `/threads/edited/messages/${String(inputMessageId)}`;
    const edit = await ask(server.url, path, { method: 'PUT', body: { text: 'other' } });
    expect(edit.status).toBe(202);
    const { id: editedId } = edit.json()['execution'] as { id: string };
    await ask(server.url, `/executions/${editedId}/wait`);
    const accepted = await ask(server.url, `/executions/${id}/fork`, { body: { fromTurn: 1 } });
    const { threadId } = accepted.json()['execution'] as { threadId: string };
    fake.answer('what was it', whole(says('Gone')));
    await run(server.url, { agentId: 'plain', threadId, input: 'what was it' });
    const messages = JSON.stringify(fake.requests('what was it').at(-1)?.messages);
    expect(messages).toContain('not available any more');
    expect(messages).not.toContain(files.url);
  });

  test.each(['before', 'after'] as const)(
    'leaves nothing behind when the server dies %s it is written, and comes again',
    async (moment) => {
      const before = await accepted();
      await arm(server, { event: 'statement', matches: 'insert into "outlast"."message_files"', moment });
      const body = { id: `killed-${moment}`, agentId: 'plain', parts: [image(`/killed-${moment}`)] };
      const path = `/threads/killed-${moment}/messages`;
      await expect(ask(server.url, path, { body })).rejects.toThrow();
      await server.exited();
      expect(await accepted()).toEqual(before);
      await server.start();
      expect((await ask(server.url, path, { body })).status).toBe(202);
      expect(await accepted()).toEqual(before.map((n = 0) => n + 1));
    },
  );
});

describe('a server that may send notifications to private addresses', () => {
  let other: TestServer;

  beforeAll(async () => {
    other = await startServer({ env: { ...settings(), OUTLAST_NOTIFY_ALLOW_PRIVATE: 'true' } });
  });
  afterAll(() => other?.dispose());

  test('fetches no files from there', async () => {
    const asked = files.asked.length;
    const body = { agentId: 'plain', parts: [image('/private')] };
    expect((await ask(other.url, '/threads/private/messages', { body })).json()).toMatchObject({
      code: 'file-unavailable',
      errors: [{ pointer: '/parts/0/url', message: 'could not be fetched' }],
    });
    expect(files.asked.length).toBe(asked);
  });
});
