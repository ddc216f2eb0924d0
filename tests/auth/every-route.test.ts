import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import type { Access } from '../../src/auth/access.ts';
import { authenticator } from '../../src/auth/authenticator.ts';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import { parseRoleScopes } from '../../src/auth/role-scopes.ts';
import type { UserTokenRules } from '../../src/auth/user-tokens.ts';
import { APP_ROLE } from '../../src/db/app-role.ts';
import { type Database, ofTenant, openDatabase } from '../../src/db/database.ts';
import { allRoutes } from '../../src/http/all-routes.ts';
import { type Answer, ask } from '../http/client.ts';
import { serveAlone, type TestHttp } from '../http/in-process.ts';
import { countRows } from '../http/row-counts.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';
import { AUDIENCE, asUser, claims, hs256, ISSUER, nowSeconds, SECRET, tokenOf } from './tokens.ts';
import { type AuthWorld, comparable, settled, startAs, startAuthWorld, startRefundAs } from './world.ts';

interface Case {
  /** What it takes to be let in. */
  scope: Access | 'public';
  /** Which of the owner's things its path leads to; none: it is about no single thing. */
  thing?: 'thread' | 'execution' | 'approval' | 'call' | 'notification' | 'automation' | 'chat' | 'run';
  /** The owner's answer. */
  status: number;
  body?: unknown;
  /** To whoever it does not exist for. Default: 404. */
  missing?: number;
  /** It makes what is not there, each caller their own. */
  makes?: true;
  /** What it leads to is gone after the owner's request: asked last. */
  last?: true;
}

const say = { input: 'say hello', agentId: 'assistant' };
const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'say hello' }] };

/** Every route of the OpenAPI document; one that is missing here fails the test. */
const CASES: Record<string, Case> = {
  'GET /agents': { scope: 'executions:read', status: 200 },
  'GET /agents/{id}': { scope: 'executions:read', status: 200 },
  'POST /executions': { scope: 'executions:write', status: 202, body: say, makes: true },
  'GET /executions': { scope: 'executions:read', status: 200 },
  'GET /executions/{id}': { scope: 'executions:read', thing: 'execution', status: 200 },
  'GET /executions/{id}/wait': { scope: 'executions:read', thing: 'execution', status: 200 },
  'GET /executions/{id}/timeline': { scope: 'executions:read', thing: 'execution', status: 200 },
  'GET /executions/{id}/stream': { scope: 'executions:read', thing: 'execution', status: 200 },
  'GET /executions/{id}/chunks': { scope: 'executions:read', thing: 'execution', status: 200 },
  'POST /executions/{id}/cancel': { scope: 'executions:write', thing: 'execution', status: 409 },
  'POST /executions/{id}/retry': { scope: 'executions:write', thing: 'execution', status: 409 },
  'POST /executions/{id}/fork': {
    scope: 'executions:write',
    thing: 'execution',
    status: 202,
    body: { fromTurn: 1 },
  },
  'POST /executions/{id}/tokens': {
    scope: 'executions:read',
    thing: 'execution',
    status: 201,
    body: { scope: 'read' },
  },
  'POST /threads': { scope: 'executions:write', status: 201, body: {}, makes: true },
  'GET /threads': { scope: 'executions:read', status: 200 },
  'GET /threads/{id}': { scope: 'executions:read', thing: 'thread', status: 200 },
  'PATCH /threads/{id}': { scope: 'executions:write', thing: 'thread', status: 200, body: { title: 'x' } },
  'DELETE /threads/{id}': { scope: 'executions:write', thing: 'thread', status: 204, last: true },
  'GET /threads/{id}/stream': { scope: 'executions:read', thing: 'thread', status: 200 },
  'GET /threads/{id}/messages': { scope: 'executions:read', thing: 'thread', status: 200 },
  'GET /threads/{id}/messages/{messageId}': { scope: 'executions:read', thing: 'thread', status: 200 },
  'POST /threads/{id}/messages': {
    scope: 'executions:write',
    thing: 'thread',
    status: 202,
    body: { text: 'say hello', agentId: 'assistant' },
    makes: true,
  },
  'PUT /threads/{id}/messages/{messageId}': {
    scope: 'executions:write',
    thing: 'thread',
    // It leads to an answer, which only an agent writes.
    status: 409,
    body: { text: 'say hello' },
  },
  'POST /threads/{id}/messages/{messageId}/regenerate': {
    scope: 'executions:write',
    thing: 'thread',
    status: 202,
  },
  'POST /threads/{id}/tokens': {
    scope: 'executions:read',
    thing: 'thread',
    status: 201,
    body: { scope: 'read' },
  },
  'POST /executions/{id}/approvals/{toolCallId}': {
    scope: 'approvals:decide',
    thing: 'call',
    status: 200,
    body: { approved: false },
  },
  'GET /approvals': { scope: 'approvals:read', status: 200 },
  'GET /approvals/stream': { scope: 'approvals:read', status: 200 },
  'GET /approvals/{id}': { scope: 'approvals:read', thing: 'approval', status: 200 },
  'POST /approvals/{id}/decision': {
    scope: 'approvals:decide',
    thing: 'approval',
    status: 409,
    body: { decision: 'deny' },
  },
  'POST /approvals/{id}/assign': {
    scope: 'approvals:decide',
    thing: 'approval',
    status: 409,
    body: { assignee: 'bob' },
  },
  'POST /approvals/decisions': {
    scope: 'approvals:decide',
    thing: 'approval',
    status: 200,
    missing: 200,
    body: { decisions: [{ approvalId: '{id}', decision: 'deny' }] },
  },
  'GET /audit': { scope: 'admin', status: 200 },
  'POST /automations': {
    scope: 'automations:*',
    status: 201,
    body: { name: 'a', agentId: 'assistant', input: 'say hello', trigger: { type: 'event', name: 'e' } },
    makes: true,
  },
  'GET /automations': { scope: 'automations:*', status: 200 },
  'GET /automations/{id}': { scope: 'automations:*', thing: 'automation', status: 200 },
  'PATCH /automations/{id}': {
    scope: 'automations:*',
    thing: 'automation',
    status: 200,
    body: { name: 'b' },
  },
  'DELETE /automations/{id}': { scope: 'automations:*', thing: 'automation', status: 204, last: true },
  'POST /automations/{id}/pause': { scope: 'automations:*', thing: 'automation', status: 200 },
  'POST /automations/{id}/resume': { scope: 'automations:*', thing: 'automation', status: 200 },
  'POST /automations/{id}/fire': { scope: 'automations:*', thing: 'automation', status: 202, body: {} },
  'GET /automations/{id}/firings': { scope: 'automations:*', thing: 'automation', status: 200 },
  'GET /automations/{id}/upcoming': { scope: 'automations:*', thing: 'automation', status: 200 },
  'POST /hooks/{automationId}': { scope: 'public', status: 202, body: {} },
  'POST /events': { scope: 'automations:*', status: 202, body: { name: 'nobody waits for it' } },
  'GET /notifications': { scope: 'admin', status: 200 },
  'GET /notifications/{id}': { scope: 'admin', thing: 'notification', status: 200 },
  'POST /notifications/{id}/resend': { scope: 'admin', thing: 'notification', status: 202 },
  'POST /api/chat': {
    scope: 'executions:write',
    status: 200,
    body: { id: 'chat-{caller}', trigger: 'submit-message', messages: [message], agentId: 'assistant' },
    makes: true,
  },
  'GET /api/chat/{id}/stream': { scope: 'executions:read', thing: 'run', status: 200, missing: 204 },
  'POST /api/chat/{id}/stop': { scope: 'executions:write', thing: 'chat', status: 204, missing: 204 },
  // Without the origin of a page there is no app. What they give to pages is in tests/apps.
  'GET /apps/{appId}/challenge': { scope: 'public', status: 404 },
  'POST /apps/{appId}/sessions': { scope: 'public', status: 404, body: { solution: 'x' } },
  'GET /healthz': { scope: 'public', status: 200 },
  'GET /readyz': { scope: 'public', status: 200 },
  'GET /version': { scope: 'public', status: 200 },
  'GET /metrics': { scope: 'metrics:read', status: 200 },
  'GET /docs': { scope: 'public', status: 200 },
  'GET /docs/problems': { scope: 'public', status: 200 },
  'GET /docs/assets/{name}': { scope: 'public', status: 200 },
  'GET /openapi.json': { scope: 'public', status: 200 },
};

const NAMES = Object.keys(CASES);
const GUARDED = NAMES.filter((name) => CASES[name]?.scope !== 'public');
const WITH_THING = NAMES.filter((name) => CASES[name]?.thing !== undefined && CASES[name]?.makes !== true);
const PATHS = [...new Set(NAMES.map((name) => name.split(' ')[1] ?? ''))];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const PAGES = NAMES.filter((name) => /^GET [^{]+$/.test(name) && CASES[name]?.scope !== 'public');
/** So that streams come to an end by themselves, and what is told is refused at once. */
const ENV = {
  OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/',
  OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
  OUTLAST_JWT_ROLE_SCOPES: 'operator=admin',
};
const TOKEN_RULES: UserTokenRules = {
  signedBy: { secret: SECRET },
  issuer: ISSUER,
  audience: AUDIENCE,
  tenantClaim: 'org',
  rolesClaim: 'roles',
  roleScopes: parseRoleScopes('operator=admin'),
};
/** Ann is the owner. She may do everything, with what is hers. */
const ANN = asUser({ roles: ['operator'] });

/** Every statement that is sent, without its values. */
function recordStatements({ pool }: Database, statements: string[]): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const [first] = args;
      statements.push(typeof first === 'string' ? first : (first as { text: string }).text);
      return query(...args);
    }) as typeof client.query;
  });
}

describe('every route', () => {
  let world: AuthWorld;
  let url: string;
  let ids: Record<NonNullable<Case['thing']>, string>;
  let messageId: string;
  let toolCallId: string;
  let automationId: string;
  let strangers: Record<string, Record<string, string>>;
  /** The same routes on the same database, in this process, where its statements can be seen. */
  let alone: TestHttp;
  const statements: string[] = [];
  let closeDatabase: () => Promise<void>;

  beforeAll(async () => {
    world = await startAuthWorld(ENV);
    url = world.server.url;
    const done = await startAs(url, ANN, { input: 'say hello', threadId: 'annas' });
    const { messageId: answerId } = await settled(url, ANN, done.id);
    const refund = await startRefundAs(url, ANN, 'refunds');
    const notification = await waitFor(
      async () => {
        const { data } = (await ask(url, '/notifications?status=failed', { headers: ANN })).json();
        return data[1]?.['id'] as string | undefined;
      },
      { describe: 'both notifications to be refused' },
    );
    const { body: automation } = CASES['POST /automations'] as Case;
    const made = await ask(url, '/automations', { headers: ANN, body: automation });
    const trigger = { type: 'webhook', signature: 'none' };
    const hook = await ask(url, '/automations', {
      headers: ANN,
      body: { ...(automation as object), trigger },
    });
    automationId = String(hook.json()['id']);
    messageId = String(answerId);
    const asked = await ask(url, `/approvals/${refund.approvalId}`, { headers: ANN });
    toolCallId = String(asked.json()['toolCallId']);
    ids = {
      thread: 'annas',
      chat: 'annas',
      execution: done.id,
      run: done.id,
      approval: refund.approvalId,
      call: refund.executionId,
      notification,
      automation: String(made.json()['id']),
    };
    const revoked = await world.makeKey();
    await revokeApiKey(world.db.orm, revoked.id);
    const expired = await world.makeKey({ expiresAt: new Date(Date.now() - 1000) });
    const garbage = `ok_live_${'0'.repeat(12)}_${'A'.repeat(43)}`;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    strangers = {
      nobody: {},
      garbage: bearer('garbage'),
      'no bearer': { authorization: 'Basic YW5uOmFubg==' },
      'an unknown key': { 'x-api-key': garbage },
      'an unknown key as bearer': bearer(garbage),
      'a token as key': { 'x-api-key': tokenOf(claims()) },
      'a revoked key': revoked.headers,
      'an expired key': expired.headers,
      'garbage before a good key': { authorization: 'garbage', ...(await world.makeKey()).headers },
      'an expired token': asUser({ exp: nowSeconds() - 3600 }),
      'a token from the future': asUser({ nbf: nowSeconds() + 3600 }),
      'an unsigned token': bearer(tokenOf(claims(), { alg: 'none' }, () => Buffer.alloc(0))),
      'another’s token': bearer(tokenOf(claims(), { alg: 'HS256' }, hs256('another'.repeat(8)))),
    };
  });
  beforeAll(async () => {
    const { databaseUrl } = world.server;
    const pool = { url: databaseUrl, poolSize: 2, idleTransactionMs: 5000, onError: () => undefined };
    const db = openDatabase({ ...pool, role: APP_ROLE });
    recordStatements(db, statements);
    const auth = authenticator(world.db.orm, TOKEN_RULES, silentLog);
    alone = await serveAlone({ databaseOf: (tenantId) => ofTenant(db, tenantId), auth }, {}, databaseUrl);
    closeDatabase = () => db.close();
  });
  afterAll(async () => {
    await alone.dispose();
    await closeDatabase();
    await world.dispose();
  });

  function pathOf(name: string, id: string): string {
    const path = name.split(' ')[1] ?? '';
    const values: Record<string, string> = {
      messageId,
      toolCallId,
      automationId,
      name: 'start.js',
      appId: uuidv7(),
    };
    const own = path.startsWith('/agents') ? 'assistant' : id;
    return path.replace('{id}', own).replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '');
  }

  function send(
    name: string,
    headers: Record<string, string>,
    {
      id,
      method,
      hangsUp = false,
      base = url,
    }: { id?: string; method?: string; hangsUp?: boolean; base?: string } = {},
  ): Promise<Answer> {
    const { thing, body } = CASES[name] as Case;
    const target = id ?? (thing === undefined ? '' : ids[thing]);
    const text = JSON.stringify(body)?.replace('{id}', target).replace('{caller}', uuidv7());
    return ask(base, pathOf(name, target), {
      method: method ?? name.split(' ')[0] ?? '',
      headers,
      headersOnly: hangsUp,
      ...(text === undefined ? {} : { body: JSON.parse(text) as unknown }),
    });
  }

  /** GET routes answer HEAD, too. */
  function methodsOf(name: string): string[] {
    const [method = ''] = name.split(' ');
    return method === 'GET' ? ['GET', 'HEAD'] : [method];
  }

  test('is in this table, with what it takes to be let in', async () => {
    const { paths } = (await ask(url, '/openapi.json')).json() as unknown as {
      paths: Record<string, Record<string, unknown>>;
    };
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect([...NAMES].sort()).toEqual(documented.sort());
    const routes = allRoutes({ version: { version: '0', node: '0', applicationVersion: '0' } });
    const scopes = routes.map(({ method, path, scope }) => [`${method.toUpperCase()} ${path}`, scope]);
    expect(Object.fromEntries(scopes)).toEqual(
      Object.fromEntries(NAMES.map((name) => [name, CASES[name]?.scope])),
    );
  });

  test.each(GUARDED)('%s asks who it is, and does nothing for whom it cannot tell', async (name) => {
    const before = await countRows(world.server.databaseUrl);
    for (const [who, headers] of Object.entries(strangers)) {
      for (const method of methodsOf(name)) {
        const real = await send(name, headers, { method });
        expect([who, method, real.status]).toEqual([who, method, 401]);
        expect(real.headers['www-authenticate']).toMatch(/^Bearer realm="outlast"/);
        if (method !== 'HEAD') expect(real.json()).toMatchObject({ code: 'unauthenticated' });
        const id = CASES[name]?.thing === undefined ? '' : uuidv7();
        const missing = await send(name, headers, { method, id });
        const all = Object.values(ids);
        expect(comparable(real, all)).toEqual(comparable(missing, [id || 'none']));
      }
    }
    expect(await countRows(world.server.databaseUrl)).toEqual(before);
  });

  test.each(GUARDED)('%s refuses who is known and may not', async (name) => {
    const { scope } = CASES[name] as Case;
    const other = scope === 'automations:*' ? 'metrics:read' : 'automations:*';
    const before = await world.makeKey({ scopes: [other], ownerId: 'ann' }).then(async (key) => {
      const counted = await countRows(world.server.databaseUrl);
      for (const method of methodsOf(name)) {
        const answer = await send(name, key.headers, { method });
        expect([method, answer.status]).toEqual([method, 403]);
        expect(answer.headers['www-authenticate']).toContain(`scope="${scope}"`);
        if (method !== 'HEAD') expect(answer.json()).toMatchObject({ code: 'forbidden' });
      }
      return counted;
    });
    expect(await countRows(world.server.databaseUrl)).toEqual(before);
  });

  const foreigners: [string, () => Promise<Record<string, string>>][] = [
    ['another user', async () => asUser({ sub: 'bob', roles: ['operator'] })],
    ['the same user of another tenant', async () => asUser({ org: 'globex', roles: ['operator'] })],
    ['a key of another tenant', async () => (await world.makeKey({ tenantId: 'globex' })).headers],
    ['another user’s key', async () => (await world.makeKey({ ownerId: 'bob' })).headers],
  ];
  const meetings = WITH_THING.flatMap((name) => foreigners.map(([who, make]) => [name, who, make] as const));

  test.each(meetings)('%s tells %s nothing', async (name, _, make) => {
    const headers = await make();
    const { thing, missing = 404 } = CASES[name] as Case;
    const foreignId = thing === undefined ? '' : ids[thing];
    const missingId = uuidv7();
    const before = await countRows(world.server.databaseUrl);
    for (const method of methodsOf(name)) {
      const foreign = await send(name, headers, { method });
      const absent = await send(name, headers, { method, id: missingId });
      expect([method, foreign.status]).toEqual([method, missing]);
      expect(comparable(foreign, [foreignId])).toEqual(comparable(absent, [missingId]));
    }
    expect(await countRows(world.server.databaseUrl)).toEqual(before);
  });

  test.each(PATHS)('%s answers any other method alike, whoever asks and whatever is there', async (path) => {
    const own = NAMES.filter((name) => name.endsWith(` ${path}`));
    const [name = ''] = own;
    const { thing } = CASES[name] as Case;
    const callers = [{}, ANN, asUser({ sub: 'bob' }), (await world.makeKey({ tenantId: 'globex' })).headers];
    const before = await countRows(world.server.databaseUrl);
    for (const method of METHODS.filter((each) => !own.flatMap(methodsOf).includes(each))) {
      const answers: unknown[] = [];
      for (const id of thing === undefined ? [''] : [ids[thing], uuidv7()]) {
        const target = pathOf(name, id);
        for (const headers of callers) {
          const answer = await ask(url, target, { method, headers });
          expect([method, answer.status]).toEqual([method, method === 'OPTIONS' ? 204 : 405]);
          expect(String(answer.headers['allow']).split(', ')).toEqual(
            expect.arrayContaining([...own.flatMap(methodsOf), 'OPTIONS']),
          );
          answers.push(comparable(answer, [id || 'none']));
        }
      }
      expect(answers).toEqual(answers.map(() => answers[0]));
    }
    expect(await countRows(world.server.databaseUrl)).toEqual(before);
  });

  test.each(WITH_THING)('%s asks the database the same, whether it is foreign or missing', async (name) => {
    const bob = asUser({ sub: 'bob', roles: ['operator'] });
    const { thing } = CASES[name] as Case;
    const asked = async (id: string) => {
      statements.length = 0;
      await send(name, bob, { id, base: alone.url });
      return [...statements];
    };
    // What a process does only once is done by then.
    await asked(uuidv7());
    const foreign = await asked(ids[thing as NonNullable<Case['thing']>]);
    expect(foreign).not.toEqual([]);
    expect(foreign).toEqual(await asked(uuidv7()));
  });

  // That their own keys were made is in the audit log of each.
  test.each(PAGES.filter((name) => !/agents|audit|metrics|stream/.test(name)))(
    '%s lists nothing of others',
    async (name) => {
      for (const [, make] of foreigners) {
        expect((await send(name, await make())).json()).toEqual({ data: [], nextCursor: null });
      }
    },
  );

  test('the inbox of others says that nothing waits', async () => {
    for (const [, make] of foreigners) {
      const { headers } = await send('GET /approvals/stream', await make(), { hangsUp: true });
      expect(headers['content-type']).toContain('text/event-stream');
    }
  });

  const inOrder = [...NAMES].sort((a, b) => Number(CASES[a]?.last ?? 0) - Number(CASES[b]?.last ?? 0));

  test.each(inOrder)('%s is there for its owner', async (name) => {
    const { scope, status } = CASES[name] as Case;
    const headers = scope === 'public' ? {} : ANN;
    expect((await send(name, headers, { hangsUp: name.endsWith('/stream') })).status).toBe(status);
  });
});
