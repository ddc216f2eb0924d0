import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { defineAgent } from 'outlast';
import { uuidv7 } from 'uuidv7';
import { type FileHost, file, PNG, redirect, startFileHost } from '../support/file-host.ts';
import { type Answer, ask } from './client.ts';
import { serveAlone, type TestHttp } from './in-process.ts';

const entry = {
  id: 'assistant',
  file: 'assistant.ts',
  agent: defineAgent({ instructions: 'Answer.' }),
  error: null,
};

let host: FileHost;
let served: TestHttp;
let threadId: string;

beforeAll(async () => {
  host = await startFileHost();
  served = await serveAlone({
    outbound: host.outbound,
    fileTimeoutMs: 2000,
    agents: { list: () => [entry], get: (id) => (id === entry.id ? entry : undefined), warning: null },
  });
});
afterAll(async () => {
  await served.dispose();
  await host.close();
});
beforeEach(() => {
  threadId = uuidv7();
});

const image = (url: string, more = {}) => ({ type: 'file', mediaType: 'image/png', url, ...more });
const send = (body: object, headers = {}): Promise<Answer> =>
  ask(served.url, `/threads/${threadId}/messages`, { body, headers });
const edit = (id: string, parts: unknown[]): Promise<Answer> =>
  ask(served.url, `/threads/${threadId}/messages/${id}`, { method: 'PUT', body: { parts } });

/** Every stored file of the thread, by message and address. */
async function stored(): Promise<string[][]> {
  const { rows } = await served.db.pool.query<{ row: string[] }>(
    `SELECT array[f.message_id, f.url, f.media_type, encode(f.content, 'hex')] AS row
     FROM outlast.message_files f JOIN outlast.threads t ON t.no = f.thread_no
     WHERE t.id = $1 ORDER BY f.message_id, f.no`,
    [threadId],
  );
  return rows.map(({ row }) => row);
}

async function messageCount(): Promise<number> {
  const { rows } = await served.db.pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM outlast.messages',
  );
  return rows[0]?.n ?? -1;
}

const hex = (text: string) => Buffer.from(text).toString('hex');

/** The answer to a chat that is accepted has no end here: nobody runs it. */
const isGood = (parts: unknown[]) => JSON.stringify(parts).includes('https://files.example/a.png#');

/** The ways in which a message may come, and where its parts are in the body. */
const WAYS: [string, string, (parts: unknown[]) => Promise<Answer>][] = [
  [
    'POST /executions',
    '/input/parts',
    (parts) => ask(served.url, '/executions', { body: { threadId, input: { role: 'user', parts } } }),
  ],
  ['POST /threads/{id}/messages', '/parts', (parts) => send({ parts })],
  [
    'PUT /threads/{id}/messages/{messageId}',
    '/parts',
    async (parts) => {
      await send({ id: 'first', text: 'hello' });
      return edit('first', parts);
    },
  ],
  [
    'POST /api/chat',
    '/messages/1/parts',
    (parts) =>
      ask(served.url, '/api/chat', {
        body: {
          id: threadId,
          messages: [
            { role: 'assistant', parts: [] },
            { role: 'user', parts },
          ],
        },
        headersOnly: isGood(parts),
      }),
  ],
];

describe.each(WAYS)('a file that comes by %s', (_, pointer, way) => {
  test('is stored with its message, which keeps its URL', async () => {
    const url = host.put('/a.png', file(PNG));
    expect([200, 202]).toContain((await way([{ type: 'text', text: 'look' }, image(`${url}#x`)])).status);
    expect(await stored()).toEqual([[expect.anything(), url, 'image/png', PNG.toString('hex')]]);
    const { data } = (await ask(served.url, `/threads/${threadId}/messages`)).json();
    const parts = data.find(({ role }) => role === 'user')?.['parts'];
    expect(parts).toEqual([{ type: 'text', text: 'look' }, image(`${url}#x`)]);
  });

  test('and cannot be had is pointed at, and nothing is stored', async () => {
    const good = host.put('/a.png', file(PNG));
    const answer = await way([image(good), image('https://files.example/nothing')]);
    expect(answer.json()).toMatchObject({
      status: 422,
      code: 'file-unavailable',
      errors: [{ pointer: `${pointer}/1/url`, message: 'was answered with the status 404' }],
    });
    expect(await stored()).toEqual([]);
  });

  test('is not fetched when its URL is not in order', async () => {
    const before = host.requests.length;
    for (const [url, message] of [
      ['http://files.example/a.png', 'must be a data: or an https: URL'],
      ['https://a@files.example/a.png', 'must have no user name and no password'],
      [`https://files.example/${'a'.repeat(8192)}`, 'must have at most 8192 characters'],
      ['https://', 'must be a data: or an https: URL'],
      ['file:///etc/passwd', 'must be a data: or an https: URL'],
    ]) {
      expect((await way([image(url as string)])).json()).toMatchObject({
        status: 422,
        errors: [{ pointer: `${pointer}/0/url`, message }],
      });
    }
    expect(host.requests.length).toBe(before);
  });
});

describe('a message with files', () => {
  test('may have ten of them from elsewhere', async () => {
    const url = host.put('/a.png', file(PNG));
    const parts = (n: number) => Array.from({ length: n }, (_, i) => image(`${url}#${i}`));
    expect((await send({ parts: [...parts(10), image('data:image/png;base64,AA==')] })).status).toBe(202);
    expect((await send({ parts: parts(11) })).json()).toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/parts', message: 'must have at most 10 files with https: URLs' }],
    });
  });

  test('may have as many bytes as are allowed by default, which come whole', async () => {
    const contents = [randomBytes(10_485_760), randomBytes(10_485_760)];
    const parts = contents.map((content, i) => image(host.put(`/large${i}.png`, file(content))));
    const answer = await send({ parts });
    expect(answer.status).toBe(202);
    expect(answer.text.length).toBeLessThan(5000);
    const { rows } = await served.db.pool.query<{ hash: string }>(
      `SELECT encode(sha256(f.content), 'hex') AS hash
       FROM outlast.message_files f JOIN outlast.threads t ON t.no = f.thread_no WHERE t.id = $1 ORDER BY f.no`,
      [threadId],
    );
    const hashes = contents.map((content) => createHash('sha256').update(content).digest('hex'));
    expect(rows.map(({ hash }) => hash)).toEqual(hashes);
  });

  test('that is sent again is known, also when its files are gone', async () => {
    const url = host.put('/once.png', file('one'));
    const message = { id: 'm', parts: [image(url)] };
    const first = (await send(message)).json();
    host.put('/once.png', (res) => res.writeHead(410).end());
    const before = host.requests.length;
    const again = (await send(message)).json();
    expect(again['execution']).toMatchObject({ id: (first['execution'] as { id: string }).id });
    expect(host.requests.length).toBe(before);
    expect(await stored()).toEqual([['m', url, 'image/png', hex('one')]]);
  });

  test('that is sent again with the same key gets the same answer, and nothing is fetched', async () => {
    const url = host.put('/keyed.png', file('one'));
    const headers = { 'idempotency-key': uuidv7() };
    const first = await send({ parts: [image(url)] }, headers);
    const before = host.requests.length;
    const again = await send({ parts: [image(url)] }, headers);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([202, 'true']);
    expect(again.text).toBe(first.text);
    expect(host.requests.length).toBe(before);
  });

  test('and a key whose file could not be had may be sent again with the same key', async () => {
    const headers = { 'idempotency-key': uuidv7() };
    const body = { parts: [image('https://files.example/later.png')] };
    expect((await send(body, headers)).status).toBe(422);
    host.put('/later.png', file('late'));
    expect((await send(body, headers)).status).toBe(202);
  });

  test('that comes five times at once is stored once', async () => {
    const url = host.put('/race.png', file('one'));
    const message = { id: 'm', parts: [image(url)] };
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(message)));
    expect(new Set(answers.map((answer) => (answer.json()['execution'] as { id: string }).id)).size).toBe(1);
    expect(await stored()).toEqual([['m', url, 'image/png', hex('one')]]);
  });

  test('that is refused for another reason fetches nothing', async () => {
    const url = host.put('/refused.png', file('one'));
    await send({ id: 'm', text: 'hello' });
    const before = host.requests.length;
    const codes = [
      await send({ id: 'm', parts: [image(url)] }),
      await send({ parts: [image(url)], onBusy: 'reject' }),
      await send({ parts: [image(url)], agentId: 'nobody' }),
      await edit('unknown', [image(url)]),
    ].map((answer) => answer.json()['code']);
    expect(codes).toEqual(['message-id-reused', 'thread-busy', 'agent-not-found', 'not-found']);
    expect(host.requests.length).toBe(before);
  });

  test('leaves nothing behind, not even its thread, when a file cannot be had', async () => {
    const before = await messageCount();
    expect((await send({ parts: [image('https://127.0.0.1/')] })).status).toBe(422);
    expect(await messageCount()).toBe(before);
    expect((await ask(served.url, `/threads/${threadId}`)).status).toBe(404);
  });

  test('tells nothing of where a redirect led', async () => {
    const url = host.put('/inside', redirect('https://10.1.2.3:8443/secret'));
    const answer = await send({ parts: [image(url)] });
    expect(answer.json()['errors']).toEqual([{ pointer: '/parts/0/url', message: 'could not be fetched' }]);
    expect(answer.text).not.toMatch(/10\.1|8443|secret|refused|private/i);
  });
});

describe('the files of a message', () => {
  test('are those of its newest version', async () => {
    const [one, two] = [host.put('/one.png', file('one')), host.put('/two.png', file('two'))];
    await send({ id: 'm', parts: [image(one), image(two)] });
    host.put('/two.png', file('new'));
    expect((await edit('m', [image(two)])).status).toBe(202);
    expect(await stored()).toEqual([['m', two, 'image/png', hex('new')]]);
    await edit('m', [{ type: 'text', text: 'no more' }]);
    expect(await stored()).toEqual([]);
  });

  test('stay as they are when an edit fails, or when it is answered again', async () => {
    const one = host.put('/one.png', file('one'));
    await send({ id: 'm', parts: [image(one)] });
    expect((await edit('m', [image('https://files.example/nothing')])).status).toBe(422);
    host.put('/one.png', file('new'));
    const path = `/threads/${threadId}/messages/m/regenerate`;
    expect((await ask(served.url, path, { method: 'POST' })).status).toBe(202);
    expect(await stored()).toEqual([['m', one, 'image/png', hex('one')]]);
  });

  test('go with the message when an earlier one is edited', async () => {
    const one = host.put('/one.png', file('one'));
    await send({ id: 'm1', text: 'hello' });
    await send({ id: 'm2', parts: [image(one)] });
    expect(await stored()).toHaveLength(1);
    await edit('m1', [{ type: 'text', text: 'hello again' }]);
    expect(await stored()).toEqual([]);
  });

  test('go with the thread', async () => {
    await send({ parts: [image(host.put('/one.png', file('one')))] });
    expect((await ask(served.url, `/threads/${threadId}`, { method: 'DELETE' })).status).toBe(204);
    const { rows } = await served.db.pool.query(
      'SELECT 1 FROM outlast.message_files f WHERE NOT EXISTS (SELECT FROM outlast.messages m WHERE m.thread_no = f.thread_no)',
    );
    expect(rows).toEqual([]);
    expect(await stored()).toEqual([]);
  });
});
