import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ask, run } from '../http/client.ts';
import {
  calls,
  type FakeOpenAi,
  failure,
  says,
  startFakeOpenAi,
  status,
  whole,
} from '../support/fake-openai.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SENTINEL = 'sentinel-provider-key-0123456789';
const HOOK_SECRET = `whsec_${Buffer.from('sentinel hook secret of 32 bytes').toString('base64')}`;
/** A secret that this server was not told of, but that looks like one. */
const FOREIGN = 'sk-foreign-sentinel-0123456789';
const SHOWN = [
  SENTINEL,
  HOOK_SECRET.slice(6),
  FOREIGN,
  'sentinel-query',
  Buffer.from(SENTINEL).toString('base64'),
];

describe('a secret', () => {
  let server: TestServer;
  let fake: FakeOpenAi;
  const answers: string[] = [];

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    server = await startServer({
      env: {
        LOG_LEVEL: 'trace',
        OUTLAST_AGENTS_DIR: fileURLToPath(new URL('agents', import.meta.url)),
        OUTLAST_MODEL_BASE_URL: fake.url,
        OUTLAST_MODEL_API_KEY: SENTINEL,
        OUTLAST_MODEL: 'compatible:test',
        OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/?token=sentinel-query',
        OUTLAST_NOTIFY_SECRET: HOOK_SECRET,
      },
    });
  });
  afterAll(async () => {
    await server.dispose();
    await fake.close();
  });

  /** Everything that somebody may read of an execution. */
  async function readAll(id: string): Promise<void> {
    for (const path of ['', '/timeline', '/chunks', '/stream']) {
      answers.push((await ask(server.url, `/executions/${id}${path}`)).text);
    }
  }

  test('that a provider quotes ends in no error', async () => {
    const echo = `Bearer ${SENTINEL} or ${FOREIGN}`;
    fake.answer('refused', status(401, { 'x-echo': echo }, echo));
    fake.answer('limited', status(429, { 'retry-after-ms': '1' }, echo));
    fake.answer('broken', whole(says('Hello'), failure(echo)));
    for (const input of ['refused', 'limited', 'broken']) {
      const { id, status: ended } = await run(server.url, { agentId: 'talker', input });
      expect([input, ended]).toEqual([input, 'failed']);
      await readAll(id);
    }
    expect(fake.requests('refused')[0]?.headers.authorization).toBe(`Bearer ${SENTINEL}`);
  }, 60_000);

  test('that a tool throws reaches neither the model nor who reads', async () => {
    fake.answer('call', whole(...calls('c1', 'call_out', '{}')), whole(says('done')));
    const { id, status: ended } = await run(server.url, { agentId: 'talker', input: 'call' });
    expect(ended).toBe('completed');
    await readAll(id);
    const [, second] = fake.requests('call');
    const told = JSON.stringify(second?.messages);
    expect(told).toContain('The key [redacted] or [redacted] was refused');
    answers.push(told);
  });

  test('that an agent file throws is not told with its error', async () => {
    const listed = await ask(server.url, '/agents');
    expect(listed.text).toContain('no connection with [redacted]');
    const started = await ask(server.url, '/executions', { body: { agentId: 'broken', input: 'x' } });
    expect(started.json()).toMatchObject({ code: 'agent-broken' });
    answers.push(listed.text, started.text);
  });

  test('that somebody sends where it does not belong is not repeated in words, and not logged', async () => {
    const key = `ok_live_0123456789ab_${'S'.repeat(43)}`;
    for (const path of [`/executions?token=${FOREIGN}`, `/nothing/${FOREIGN}?token=sentinel-query`]) {
      const answer = await ask(server.url, path, {
        headers: { 'x-api-key': key, cookie: `session=${FOREIGN}`, authorization: `Bearer ${FOREIGN}` },
      });
      expect(String(answer.json()['detail'])).not.toContain(FOREIGN);
    }
    expect(server.log()).not.toContain('S'.repeat(43));
  });

  test('is in no log, no row and no answer', async () => {
    // Whoever looks for it would have found it.
    expect(server.log()).toContain('"headers":{"authorization":"Bearer [redacted]"}');
    const rows = await dump(server.databaseUrl);
    expect(rows).toContain('was refused');
    const [log, texts] = [server.log(), answers.join('\n')];
    for (const secret of SHOWN) {
      expect([log.includes(secret), rows.includes(secret), texts.includes(secret)]).toEqual([
        false,
        false,
        false,
      ]);
    }
    for (const line of log.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });
});

/** Every row of every table, DBOS's too. */
async function dump(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema IN ('outlast', 'dbos') AND table_type = 'BASE TABLE'`,
    );
    let text = '';
    for (const { name } of tables) {
      text += JSON.stringify((await client.query(`SELECT t::text FROM ${name} t`)).rows);
    }
    return text;
  } finally {
    await client.end();
  }
}
