import { randomUUID } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openSession } from '../../packages/client/src/index.ts';
import { disableApp } from '../../src/apps/disable-app.ts';
import { AUTH_ENV, asUser } from '../auth/tokens.ts';
import {
  type AuthWorld,
  comparable,
  settled,
  startAs,
  startAuthWorld,
  startRefundAs,
} from '../auth/world.ts';
import { ask } from '../http/client.ts';
import { countRows } from '../http/row-counts.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { getSolution, makeApp, postSolution, SHOP, toBase64, type Visitor, visit } from './world.ts';

let world: AuthWorld;
let other: TestServer;
let url: string;
let appId: string;

beforeAll(async () => {
  world = await startAuthWorld();
  other = await startServer({ databaseUrl: world.server.databaseUrl, env: AUTH_ENV });
  url = world.server.url;
  appId = await makeApp(world.db);
});
afterAll(async () => {
  await other.dispose();
  await world.dispose();
});

async function count(table: 'spent_challenges' | 'access_tokens', ofApp: string): Promise<number> {
  const { rows } = await world.db.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM outlast.${table} WHERE app_id = $1`,
    [ofApp],
  );
  return rows[0]?.n ?? -1;
}

/** No token can be stored. @returns what lets them in again */
async function lockTokens(): Promise<() => Promise<void>> {
  const client = await world.db.pool.connect();
  await client.query('BEGIN; LOCK TABLE outlast.access_tokens IN EXCLUSIVE MODE');
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

async function tokenWaits(): Promise<boolean> {
  const { rowCount } = await world.db.pool.query(
    `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
       AND query ILIKE 'insert into "outlast"."access_tokens"%'`,
  );
  return rowCount === 1;
}

describe('a solution', () => {
  test('gives one session, however many ask with it at once, of whichever process', async () => {
    const id = await makeApp(world.db);
    const solution = await getSolution(url, id);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        postSolution(n % 2 === 0 ? url : other.url, id, n % 4 < 2 ? solution : toBase64(solution)),
      ),
    );
    const [given, ...refused] = answers.sort((a, b) => a.status - b.status);
    expect(given?.status).toBe(201);
    expect(refused.map((answer) => [answer.status, answer.json()['code']])).toEqual(
      refused.map(() => [409, 'solution-spent']),
    );
    expect(refused).toHaveLength(19);
    expect([await count('spent_challenges', id), await count('access_tokens', id)]).toEqual([1, 1]);
    expect((await postSolution(other.url, id, solution)).status).toBe(409);
  });

  test('is not spent when the token cannot be made', async () => {
    const id = await makeApp(world.db);
    const solution = await getSolution(url, id);
    await world.db.pool.query(`
      CREATE FUNCTION pg_temp_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no tokens today'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON outlast.access_tokens FOR EACH ROW EXECUTE FUNCTION pg_temp_fail()`);
    const failed = await postSolution(url, id, solution);
    await world.db.pool.query('DROP TRIGGER fail ON outlast.access_tokens; DROP FUNCTION pg_temp_fail()');
    expect(failed.status).toBe(500);
    expect(await count('spent_challenges', id)).toBe(0);
    expect((await postSolution(url, id, solution)).status).toBe(201);
  });

  test('is not spent by a process that is killed before the token is there', async () => {
    const id = await makeApp(world.db);
    const solution = await getSolution(url, id);
    const unlock = await lockTokens();
    const asked = postSolution(other.url, id, solution).catch(() => 'cut');
    try {
      await waitFor(tokenWaits, { describe: 'the challenge to be claimed, and the token to wait' });
      await other.kill();
    } finally {
      await unlock();
    }
    expect(await asked).toBe('cut');
    const answer = await waitFor(
      async () => {
        const tried = await postSolution(url, id, solution);
        return tried.status === 201 ? tried : undefined;
      },
      { describe: 'the session' },
    );
    expect(answer.json()['token']).toMatch(/^os_/);
    expect([await count('spent_challenges', id), await count('access_tokens', id)]).toEqual([1, 1]);
    await other.start();
  });

  test('that is hostile is refused, and nothing is stored of it', async () => {
    const solution = await getSolution(url, appId);
    const { challenge } = solution;
    const before = await countRows(world.server.databaseUrl);
    const deep = JSON.parse(`${'['.repeat(90)}${']'.repeat(90)}`) as unknown;
    const hostile: [unknown, number][] = [
      ['', 422],
      ['garbage', 422],
      ['A'.repeat(4097), 422],
      ['A'.repeat(20_000), 413],
      [1, 422],
      [null, 422],
      [[], 422],
      [{}, 422],
      [deep, 422],
      [{ challenge, solution: { counter: '1', derivedKey: [] } }, 422],
      [{ ...solution, challenge: { ...challenge, signature: 'a'.repeat(64) } }, 422],
      [
        {
          ...solution,
          challenge: { ...challenge, parameters: { ...challenge.parameters, cost: 1_000_000 } },
        },
        422,
      ],
      [
        {
          ...solution,
          challenge: { ...challenge, parameters: { ...challenge.parameters, algorithm: 'SCRYPT' } },
        },
        422,
      ],
    ];
    for (const [sent, status] of hostile) {
      const answer = await postSolution(url, appId, sent);
      expect([JSON.stringify(sent).slice(0, 80), answer.status]).toEqual([
        JSON.stringify(sent).slice(0, 80),
        status,
      ]);
    }
    expect((await postSolution(url, await makeApp(world.db), solution)).json()).toMatchObject({
      status: 422,
      code: 'solution-invalid',
    });
    const oneMore = (table: string) => ({ [table]: (before[table] ?? 0) + 1 });
    // The app that was made, and that it was.
    const made = { ...oneMore('apps'), ...oneMore('audit_log') };
    expect(await countRows(world.server.databaseUrl)).toEqual({ ...before, ...made });
    expect((await postSolution(url, appId, solution)).status).toBe(201);
  });
});

describe('an app', () => {
  test('is there for pages of its origins only, and others cannot tell it from none', async () => {
    const disabled = await makeApp(world.db);
    await disableApp(world.db.orm, disabled);
    const none = randomUUID();
    const solution = await getSolution(url, appId);
    const askBoth = async (id: string, headers: Record<string, string>) => [
      await ask(url, `/apps/${id}/challenge`, { headers }),
      await ask(url, `/apps/${id}/challenge`, { headers, method: 'HEAD' }),
      await ask(url, `/apps/${id}/sessions`, { headers, body: { solution } }),
    ];
    const masked = async (id: string, headers: Record<string, string>) =>
      (await askBoth(id, headers)).map((answer) => comparable(answer, [id]));
    for (const headers of [{}, { origin: 'null' }, { origin: 'https://evil.com' }, { origin: `${SHOP}.` }]) {
      const missing = await askBoth(none, headers as Record<string, string>);
      expect(missing.map(({ status }) => status)).toEqual([404, 404, 404]);
      const unknown = await masked(none, headers as Record<string, string>);
      expect(await masked(appId, headers as Record<string, string>)).toEqual(unknown);
      expect(await masked(disabled, headers as Record<string, string>)).toEqual(unknown);
    }
    expect(await masked(disabled, { origin: SHOP })).toEqual(await masked(none, { origin: SHOP }));
    expect((await postSolution(url, appId, solution)).status).toBe(201);
  });

  test('shows no secret, and nothing of it gets into the log', async () => {
    const { rows } = await world.db.pool.query<{ secret: Buffer }>(
      'SELECT challenge_secret AS secret FROM outlast.apps WHERE id = $1',
      [appId],
    );
    const { token } = await visit(url, appId);
    const secret = rows[0]?.secret ?? Buffer.alloc(0);
    for (const written of [token, secret.toString('base64url'), secret.toString('hex')]) {
      expect(world.server.log()).not.toContain(written);
    }
    const stored = await world.db.pool.query<{ row: string }>(
      'SELECT t::text AS row FROM outlast.access_tokens AS t UNION ALL SELECT k::text FROM outlast.idempotency_keys AS k',
    );
    expect(stored.rows.map(({ row }) => row).join()).not.toContain(token);
  });

  test('lets its pages ask and read, and asks nobody in a preflight', async () => {
    const preflight = (origin: string) =>
      ask(url, '/api/chat', {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization',
        },
      });
    const allowed = await preflight(SHOP);
    expect(allowed.status).toBe(204);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-headers': expect.stringContaining('authorization'),
      vary: 'Origin',
    });
    expect((await preflight('https://evil.com')).headers['access-control-allow-origin']).toBeUndefined();
    const { headers } = await visit(url, appId);
    for (const shown of [headers, { origin: SHOP }]) {
      const answer = await ask(url, '/threads', { headers: shown });
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': SHOP, vary: 'Origin' });
    }
  });
});

test('the client gets a session by itself', async () => {
  const fetchAsPage = (input: Parameters<typeof fetch>[0], init?: RequestInit) =>
    fetch(input, { ...init, headers: { ...init?.headers, origin: SHOP } });
  const session = await openSession({ baseUrl: url, appId, fetch: fetchAsPage });
  const headers = { authorization: `Bearer ${session.token}`, origin: SHOP };
  expect((await ask(url, '/threads', { headers })).status).toBe(200);
  const left = Date.parse(session.expiresAt) - Date.now();
  expect(left).toBeGreaterThan(3_500_000);
  expect(left).toBeLessThanOrEqual(3_600_000);
});

describe('a visitor', () => {
  let visitor: Visitor;
  const message = (text: string) => ({ id: randomUUID(), role: 'user', parts: [{ type: 'text', text }] });
  const chat = (headers: Record<string, string>, id: string, more: object = {}) =>
    ask(url, '/api/chat', {
      headers,
      body: { id, trigger: 'submit-message', messages: [message('say hello there')], ...more },
    });

  beforeAll(async () => {
    visitor = await visit(url, appId);
  });

  test('chats, and nobody else sees it but their tenant', async () => {
    const answer = await chat(visitor.headers, 'widget');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('hello');
    const { rows } = await world.db.pool.query(
      `SELECT t.tenant_id, t.owner_id LIKE 'anon:%' AS is_stranger, e.agent_id, e.status
       FROM outlast.threads t JOIN outlast.workflow_executions e ON e.thread_no = t.no WHERE t.id = 'widget'`,
    );
    expect(rows).toEqual([
      { tenant_id: 'acme', is_stranger: true, agent_id: 'assistant', status: 'completed' },
    ]);
    expect((await ask(url, '/threads/widget/messages', { headers: visitor.headers })).status).toBe(200);
    const second = await visit(url, appId);
    for (const headers of [second.headers, asUser(), asUser({ org: 'globex' })]) {
      const paths = ['/threads/widget', '/threads/widget/messages', '/threads/widget/stream'];
      for (const path of paths) expect((await ask(url, path, { headers })).status).toBe(404);
      expect((await ask(url, '/threads', { headers })).json().data).toEqual([]);
    }
    const { headers: ofTenant } = await world.makeKey();
    expect((await ask(url, '/threads/widget', { headers: ofTenant })).status).toBe(200);
  });

  test('knows only the agents of the app', async () => {
    const { headers } = visitor;
    const { data } = (await ask(url, '/agents', { headers })).json();
    expect(data.map(({ id }) => id)).toEqual(['assistant']);
    expect((await ask(url, '/agents/operator', { headers })).json()).toMatchObject({
      code: 'agent-not-found',
    });
    const asked = [
      await chat(headers, 'wrong', { agentId: 'operator' }),
      await ask(url, '/executions', { headers, body: { agentId: 'operator', input: 'say x' } }),
      await ask(url, '/threads', { headers, body: { agentId: 'operator' } }),
      await ask(url, '/threads/wrong/messages', { headers, body: { agentId: 'operator', text: 'say x' } }),
    ];
    for (const answer of asked) {
      expect(answer.json()).toMatchObject({ status: 404, code: 'agent-not-found' });
      expect(answer.json()['detail']).toContain('operator');
    }
    const none = await ask(url, '/executions', { headers, body: { agentId: 'nobody', input: 'say x' } });
    expect(none.text.replaceAll('nobody', 'operator')).toBe(asked[1]?.text);
    expect((await ask(url, '/threads/wrong', { headers })).status).toBe(404);
  });

  test('is answered by the first agent of the app when they name none', async () => {
    const id = await makeApp(world.db, { agentIds: ['operator', 'assistant'] });
    const { headers } = await visit(url, id);
    expect((await ask(url, '/executions', { headers, body: { input: 'say x' } })).json()).toMatchObject({
      execution: { agentId: 'operator' },
    });
  });

  test('does not have another agent answer again what it answered in their thread', async () => {
    const { headers } = visitor;
    const own = await startAs(url, headers, { threadId: 'joined', input: 'say own' });
    await settled(url, headers, own.id);
    const { headers: ofTenant } = await world.makeKey();
    const { id } = await startAs(url, ofTenant, {
      agentId: 'operator',
      threadId: 'joined',
      input: 'hang',
    });
    expect((await ask(url, `/executions/${id}/cancel`, { method: 'POST', headers })).status).toBe(202);
    const again = await ask(url, `/executions/${id}/retry`, { method: 'POST', headers });
    expect(again.json()).toMatchObject({ status: 404, code: 'agent-not-found' });
    const next = await ask(url, '/executions', { headers, body: { threadId: 'joined', input: 'say x' } });
    expect(next.json()).toMatchObject({ execution: { agentId: 'assistant' } });
  });

  test('decides what waits in their own threads, and sees no other', async () => {
    const id = await makeApp(world.db, { agentIds: ['operator'] });
    const { headers } = await visit(url, id);
    const foreign = await startRefundAs(url, asUser(), 'annas');
    const own = await startRefundAs(url, headers, 'own');
    const { data } = (await ask(url, '/approvals', { headers })).json();
    expect(data.map((each) => each['id'])).toEqual([own.approvalId]);
    const decide = (approvalId: string) =>
      ask(url, `/approvals/${approvalId}/decision`, { headers, body: { decision: 'deny' } });
    expect((await decide(foreign.approvalId)).status).toBe(404);
    expect((await decide(own.approvalId)).json()).toMatchObject({
      status: 'denied',
      decidedBy: expect.stringMatching(/^anon:/),
    });
  });

  test('may not use what is not for chats', async () => {
    const { headers } = visitor;
    const token = await ask(url, '/threads/widget/tokens', { headers, body: { scope: 'read' } });
    expect(token.json()).toMatchObject({ status: 403, code: 'forbidden' });
    for (const path of ['/notifications', '/metrics']) {
      expect((await ask(url, path, { headers })).json()).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });

  test.each([
    [undefined],
    ['null'],
    ['https://evil.com'],
    ['https://shop.example.evil.com'],
    ['http://shop.example'],
  ])('is nobody on a page of %s', async (origin) => {
    const { authorization } = visitor.headers;
    const headers: Record<string, string> =
      origin === undefined ? { authorization } : { authorization, origin };
    for (const path of ['/threads', '/agents', '/threads/widget', `/threads/${randomUUID()}`]) {
      const answer = await ask(url, path, { headers });
      expect(answer.json()).toMatchObject({ status: 403, code: 'origin-not-allowed' });
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('is nobody on a page of another app', async () => {
    await makeApp(world.db, { allowedOrigins: ['https://news.example'] });
    await waitFor(
      async () => {
        const headers = { ...visitor.headers, origin: 'https://news.example' };
        const answer = await ask(url, '/threads', { headers });
        expect(answer.status).toBe(403);
        return answer.headers['access-control-allow-origin'];
      },
      { describe: 'the other app to be known' },
    );
  });

  test('shows the token in a header only', async () => {
    const headers = { origin: SHOP };
    const inUrl = await ask(url, `/threads?token=${visitor.token}`, { headers });
    const asKey = await ask(url, '/threads', { headers: { ...headers, 'x-api-key': visitor.token } });
    expect([inUrl.status, asKey.status]).toEqual([401, 401]);
  });

  test('is nobody once the session is over', async () => {
    const { headers } = await visit(url, await makeApp(world.db, { sessionTtlSeconds: 60 }));
    expect((await ask(url, '/threads', { headers })).status).toBe(200);
    await world.db.pool.query(
      `UPDATE outlast.access_tokens SET expires_at = expires_at - interval '1 minute'
       WHERE id = (SELECT id FROM outlast.access_tokens ORDER BY created_at DESC LIMIT 1)`,
    );
    expect((await ask(url, '/threads', { headers })).json()).toMatchObject({ code: 'unauthenticated' });
  });

  test('is cut off within five seconds when the app is disabled, and others are not', async () => {
    const id = await makeApp(world.db);
    const [theirs, others] = [await visit(url, id), await visit(url, appId)];
    const open = await Promise.all([theirs, others].map(({ headers }) => openStream(headers)));
    expect(open.map(({ state }) => state)).toEqual(['open', 'open']);
    await disableApp(world.db.orm, id);
    expect((await ask(url, '/threads', { headers: theirs.headers })).status).toBe(401);
    await waitFor(() => open[0]?.state !== 'open', { describe: 'the stream to be cut', deadlineMs: 5000 });
    expect(open.map(({ state }) => state)).toEqual(['cut', 'open']);
    for (const { leave } of open) leave();
  });

  async function openStream(headers: Record<string, string>) {
    const { threadId } = await startAs(url, headers, { input: 'hang' });
    const opened = { state: 'open' as 'open' | 'cut' | 'ended', leave: () => void sent.destroy() };
    const sent = get(`${url}/threads/${threadId}/stream`, { agent: false, headers });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).once('error', reject);
    });
    expect(response.statusCode).toBe(200);
    const see = (state: 'cut' | 'ended') => () => {
      if (opened.state === 'open') opened.state = state;
    };
    response.on('end', see('ended')).on('error', see('cut')).on('close', see('cut')).resume();
    return opened;
  }
});
