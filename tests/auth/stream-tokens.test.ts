import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { createOutlastClient, OutlastChatTransport } from '../../packages/client/src/index.ts';
import { revokeAccessToken } from '../../src/auth/revoke-access-token.ts';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import { TOKEN_SCOPES, type TokenScope } from '../../src/auth/token-scopes.ts';
import { allRoutes } from '../../src/http/all-routes.ts';
import { type Answer, ask } from '../http/client.ts';
import { countRows } from '../http/row-counts.ts';
import { insertApproval } from '../support/inbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { asUser, nowSeconds } from './tokens.ts';
import { type AuthWorld, comparable, settled, startAs, startAuthWorld, startRefundAs } from './world.ts';

type Headers = Record<string, string>;
type Thing = 'execution' | 'thread';

const ANN = asUser();
const ROUTES = allRoutes({ version: { version: '0', node: '0', applicationVersion: '0' } });
const GUARDED = ROUTES.filter(({ scope }) => scope !== 'public').map(
  ({ method, path }) => `${method.toUpperCase()} ${path}`,
);
/** What each kind of token has to be for; to what is not here no token is let in. */
const OPEN: Record<string, Partial<Record<Thing, TokenScope>>> = {
  'GET /executions': { thread: 'read' },
  'GET /executions/{id}': { execution: 'read', thread: 'read' },
  'GET /executions/{id}/wait': { execution: 'read', thread: 'read' },
  'GET /executions/{id}/timeline': { execution: 'read', thread: 'read' },
  'GET /executions/{id}/stream': { execution: 'read', thread: 'read' },
  'GET /executions/{id}/chunks': { execution: 'read', thread: 'read' },
  'GET /threads/{id}': { thread: 'read' },
  'GET /threads/{id}/messages': { thread: 'read' },
  'GET /threads/{id}/messages/{messageId}': { thread: 'read' },
  'GET /threads/{id}/stream': { thread: 'read' },
  'GET /api/chat/{id}/stream': { execution: 'read', thread: 'read' },
  'GET /approvals': { execution: 'decide', thread: 'decide' },
  'GET /approvals/stream': { execution: 'decide', thread: 'decide' },
  'GET /approvals/{id}': { execution: 'decide', thread: 'decide' },
  'POST /executions/{id}/approvals/{toolCallId}': { execution: 'decide', thread: 'decide' },
  'POST /approvals/{id}/decision': { execution: 'decide', thread: 'decide' },
  'POST /executions/{id}/cancel': { execution: 'cancel', thread: 'cancel' },
  'POST /api/chat/{id}/stop': { thread: 'cancel' },
  'POST /threads/{id}/messages': { thread: 'write' },
  'PUT /threads/{id}/messages/{messageId}': { thread: 'write' },
  'POST /threads/{id}/messages/{messageId}/regenerate': { thread: 'write' },
  'POST /api/chat': { thread: 'write' },
};
const GOOD_FOR: Record<TokenScope, TokenScope[]> = {
  read: ['read'],
  decide: ['read', 'decide'],
  cancel: ['read', 'cancel'],
  write: ['read', 'cancel', 'write'],
};
const message = (text: string) => ({ id: uuidv7(), role: 'user', parts: [{ type: 'text', text }] });

let world: AuthWorld;
let url: string;
let ids: Record<string, string>;
/** Every secret that was given out or shown in a URL: none may be found anywhere. */
const secrets = new Set<string>();

beforeAll(async () => {
  world = await startAuthWorld({ LOG_LEVEL: 'trace' });
  url = world.server.url;
  const { executionId, approvalId } = await startRefundAs(url, ANN, 'mine');
  const execution = (await ask(url, `/executions/${executionId}`, { headers: ANN })).json();
  const approval = (await ask(url, `/approvals/${approvalId}`, { headers: ANN })).json();
  ids = {
    thread: 'mine',
    execution: executionId,
    approval: approvalId,
    messageId: String(execution['inputMessageId']),
    toolCallId: String(approval['toolCallId']),
  };
});
afterAll(() => world.dispose());

async function give(
  thing: Thing,
  id: string,
  body: { scope: TokenScope; ttlSeconds?: number },
  headers: Headers = ANN,
): Promise<{ token: string; expiresAt: string; headers: Headers }> {
  const answer = await ask(url, `/${thing}s/${id}/tokens`, { headers, body });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  const { token, expiresAt } = answer.json() as unknown as { token: string; expiresAt: string };
  secrets.add(token);
  return { token, expiresAt, headers: { authorization: `Bearer ${token}` } };
}

/** One of ann's things beside the first one. */
async function another(text = 'say hello', threadId: string = uuidv7()) {
  const { id } = await startAs(url, ANN, { input: text, threadId });
  return { executionId: id, threadId };
}

/** What a path is about, by its first word. */
function thingOf(path: string): string {
  if (path.startsWith('/approvals')) return 'approval';
  return path.startsWith('/executions') ? 'execution' : 'thread';
}

/** Sends to a route as if to the thing with this id. */
function send(
  name: string,
  headers: Headers,
  id: string,
  {
    method = name.split(' ')[0] ?? '',
    values = ids,
    hangsUp = false,
  }: { method?: string; values?: Record<string, string>; hangsUp?: boolean } = {},
): Promise<Answer> {
  const path = name.split(' ')[1] ?? '';
  const bodies: Record<string, unknown> = {
    '/approvals/{id}/decision': { decision: 'deny' },
    '/executions/{id}/approvals/{toolCallId}': { approved: false },
    '/threads/{id}/messages': { text: 'say hello' },
    '/threads/{id}/messages/{messageId}': { text: 'say hello' },
    '/api/chat': { id, messages: [message('say hello')] },
    '/executions/{id}/tokens': { scope: 'read' },
    '/threads/{id}/tokens': { scope: 'read' },
  };
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodies[path];
  return ask(
    url,
    path.replace('{id}', id).replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? ''),
    {
      method,
      headers,
      headersOnly: hangsUp,
      ...(body === undefined ? {} : { body }),
    },
  );
}

describe('what a token is for', () => {
  const kinds = [
    ...(['read', 'decide', 'cancel'] as const).map((scope) => ['execution', scope] as const),
    ...TOKEN_SCOPES.map((scope) => ['thread', scope] as const),
  ];

  test.each(kinds)('of kind %s: %s', async (thing, scope) => {
    const { headers } = await give(thing, ids[thing] ?? '', { scope });
    const opened: string[] = [];
    for (const name of GUARDED) {
      const path = name.split(' ')[1] ?? '';
      const id = ids[path.startsWith('/api/chat') ? thing : thingOf(path)] ?? '';
      const { status } = await send(name, headers, id, { hangsUp: true });
      if (status === 403) continue;
      // It may be over by now; what matters is that it is found.
      expect([name, [200, 202, 204, 409].includes(status)]).toEqual([name, true]);
      opened.push(name);
    }
    const expected = Object.keys(OPEN).filter((name) => {
      const needed = OPEN[name]?.[thing];
      return needed !== undefined && GOOD_FOR[scope].includes(needed);
    });
    expect(opened.sort()).toEqual(expected.sort());
  });

  test('is said when it is refused', async () => {
    const { headers } = await give('execution', ids['execution'] ?? '', { scope: 'read' });
    const answer = await ask(url, `/executions/${ids['execution']}/cancel`, { method: 'POST', headers });
    expect(answer.json()).toMatchObject({ status: 403, code: 'forbidden' });
    expect(answer.headers['www-authenticate']).toContain('insufficient_scope');
  });
});

describe('what a token does not lead to', () => {
  let foreign: { executionId: string; threadId: string; approvalId: string };
  let foreignValues: Record<string, string>;

  beforeAll(async () => {
    const refund = await startRefundAs(url, ANN, 'another');
    foreign = { ...refund, threadId: 'another' };
    const execution = (await ask(url, `/executions/${refund.executionId}`, { headers: ANN })).json();
    foreignValues = { ...ids, messageId: String(execution['inputMessageId']) };
  });

  const targets = Object.entries(OPEN).flatMap(([name, open]) =>
    name.includes('{id}') || name === 'POST /api/chat'
      ? (Object.keys(open) as Thing[]).map((thing) => [name, thing] as const)
      : [],
  );

  test.each(targets)('%s is the same as missing, of another %s', async (name, thing) => {
    const scope = OPEN[name]?.[thing] as TokenScope;
    const { headers } = await give(thing, ids[thing] ?? '', { scope });
    const path = name.split(' ')[1] ?? '';
    const own: Record<string, string> = {
      execution: foreign.executionId,
      approval: foreign.approvalId,
      thread: foreign.threadId,
    };
    const foreignIds = path.startsWith('/api/chat/')
      ? [foreign.executionId, `${foreign.executionId}~1`, foreign.threadId]
      : [own[thingOf(path)] ?? ''];
    const before = await countRows(world.server.databaseUrl);
    for (const id of path.endsWith('/stop') ? [foreign.threadId] : foreignIds) {
      for (const method of name.startsWith('GET') ? ['GET', 'HEAD'] : [name.split(' ')[0] ?? '']) {
        const missingId = uuidv7();
        const there = await send(name, headers, id, { method, values: foreignValues });
        const missing = await send(name, headers, missingId, { method, values: foreignValues });
        expect([method, there.status]).toEqual([method, path.startsWith('/api/chat/') ? 204 : 404]);
        expect(comparable(there, [id])).toEqual(comparable(missing, [missingId]));
      }
    }
    expect(await countRows(world.server.databaseUrl)).toEqual(before);
    const stored = await ask(url, `/approvals/${foreign.approvalId}`, { headers: ANN });
    expect(stored.json()).toMatchObject({ status: 'pending' });
  });

  test('lists have nothing but its own', async () => {
    const decide = await give('thread', foreign.threadId, { scope: 'decide' });
    const list = async (path: string) =>
      (await ask(url, path, { headers: decide.headers })).json().data.map(({ id }) => id);
    expect(await list('/executions')).toEqual([foreign.executionId]);
    expect(await list('/executions?threadId=mine')).toEqual([]);
    expect(await list('/approvals')).toEqual([foreign.approvalId]);
    expect(await list(`/approvals?threadId=${foreign.threadId}`)).toEqual([foreign.approvalId]);
    expect(await list('/approvals?threadId=mine&status=denied&status=cancelled')).toEqual([]);
    const other = await give('execution', ids['execution'] ?? '', { scope: 'decide' });
    expect((await ask(url, '/approvals', { headers: other.headers })).json().data).toEqual([]);
  });

  test('what names whoever made it is nothing to it, if it is of something else', async () => {
    const named = { tenantId: 'acme', ownerId: 'ann', approvers: ['ann'] };
    const approvalId = await insertApproval(world.db, named);
    const { headers } = await give('thread', foreign.threadId, { scope: 'decide' });
    expect((await ask(url, `/approvals/${approvalId}`, { headers: ANN })).status).toBe(200);
    const body = { decision: 'deny' };
    const decided = await ask(url, `/approvals/${approvalId}/decision`, { headers, body });
    expect([decided.status, (await ask(url, `/approvals/${approvalId}`, { headers })).status]).toEqual([
      404, 404,
    ]);
    const listed = (await ask(url, '/approvals', { headers })).json().data.map(({ id }) => id);
    expect(listed).toEqual([foreign.approvalId]);
  });

  test('the inbox tells of nothing but its own', async () => {
    const { headers } = await give('execution', foreign.executionId, { scope: 'decide' });
    const inbox = await open('/approvals/stream', headers);
    await waitFor(async () => inbox.text.includes('"pending":1') || undefined, { describe: 'the snapshot' });
    const later = await startRefundAs(url, ANN, 'later');
    const assign = (id: string) =>
      ask(url, `/approvals/${id}/assign`, { headers: ANN, body: { assignee: 'bob' } });
    await assign(later.approvalId);
    await assign(foreign.approvalId);
    await waitFor(async () => inbox.text.includes(foreign.approvalId) || undefined, {
      describe: 'its own approval',
    });
    expect(inbox.text).not.toContain(later.approvalId);
    inbox.leave();
  });

  test('an answer that is kept for its maker is not repeated to it', async () => {
    const keyed = { ...ANN, 'idempotency-key': 'the same' };
    const { executionId } = await another('hang');
    const cancel = (headers: Headers) =>
      ask(url, `/executions/${executionId}/cancel`, { method: 'POST', headers });
    expect((await cancel(keyed)).status).toBe(202);
    const { headers } = await give('execution', ids['execution'] ?? '', { scope: 'cancel' });
    expect((await cancel({ ...headers, 'idempotency-key': 'the same' })).status).toBe(404);
  });
});

test('a request that is sent again with the next token for the thing is done once', async () => {
  const body = { text: 'say once' };
  const outcomes: unknown[] = [];
  for (let times = 0; times < 2; times += 1) {
    const { headers } = await give('thread', 'mine', { scope: 'write' });
    const sent = await ask(url, '/threads/mine/messages', {
      headers: { ...headers, 'idempotency-key': 'once' },
      body,
    });
    outcomes.push([sent.status, sent.headers['idempotency-replayed'], sent.headers['x-execution-id']]);
  }
  const executionId = (outcomes[0] as unknown[])[2];
  expect(outcomes).toEqual([
    [202, undefined, executionId],
    [202, 'true', executionId],
  ]);
});

interface Open {
  /** `cut` is what a client must see: a clean end would look like success. */
  state: 'open' | 'cut' | 'ended';
  text: string;
  leave(): void;
}

async function open(path: string, headers: Headers): Promise<Open> {
  const sent = get(`${url}${path}`, { agent: false, headers });
  const opened: Open = { state: 'open', text: '', leave: () => sent.destroy() };
  const cut = () => {
    if (opened.state === 'open') opened.state = 'cut';
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  expect([path, response.statusCode]).toEqual([path, 200]);
  sent.on('error', cut);
  response
    .setEncoding('utf8')
    .on('data', (text: string) => {
      opened.text += text;
    })
    .on('error', cut)
    .on('close', cut)
    .on('end', () => {
      opened.state = 'ended';
    });
  return opened;
}

describe('the end of a token', () => {
  /** Streams of an execution that never ends, by header and by URL. */
  async function openBoth({ token, headers }: { token: string; headers: Headers }, executionId: string) {
    const path = `/executions/${executionId}/stream`;
    return [await open(path, headers), await open(`${path}?after=0&token=${token}`, {})];
  }

  async function seeThemCut(all: readonly Open[]): Promise<void> {
    await waitFor(async () => all.every(({ state }) => state !== 'open') || undefined, {
      describe: 'the streams to be cut',
      deadlineMs: 8000,
    });
    expect(all.map(({ state }) => state)).toEqual(all.map(() => 'cut'));
  }

  test('cuts what is open, and is told from garbage by nobody', async () => {
    const { executionId, threadId } = await another('hang');
    const short = await give('execution', executionId, { scope: 'read', ttlSeconds: 2 });
    const long = await give('execution', executionId, { scope: 'read' });
    const revoked = await give('thread', threadId, { scope: 'read' });
    const others = await openBoth(long, executionId);
    const all = [
      ...(await openBoth(short, executionId)),
      ...(await openBoth(revoked, executionId)),
      await open(`/threads/${threadId}/stream`, revoked.headers),
    ];
    const { rows } = await world.db.pool.query(
      'SELECT id FROM outlast.access_tokens WHERE thread_no IS NOT NULL ORDER BY created_at DESC LIMIT 1',
    );
    await revokeAccessToken(world.db.orm, (rows[0] as { id: string }).id);
    await seeThemCut(all);
    expect(others.map(({ state }) => state)).toEqual(['open', 'open']);
    for (const each of others) each.leave();
    const garbage = `ot_${'A'.repeat(43)}`;
    const path = `/executions/${executionId}`;
    const unknown = await ask(url, path, { headers: { authorization: `Bearer ${garbage}` } });
    expect(unknown.status).toBe(401);
    for (const { headers, token } of [short, revoked]) {
      expect(comparable(await ask(url, path, { headers }), [])).toEqual(comparable(unknown, []));
      const inUrl = await ask(url, `${path}?token=${token}`);
      expect(comparable(inUrl, [])).toEqual(comparable(unknown, []));
    }
  });

  test('comes with that of the key it was made with', async () => {
    const { executionId } = await another('hang');
    const key = await world.makeKey();
    const token = await give('execution', executionId, { scope: 'read', ttlSeconds: 86_400 }, key.headers);
    const all = await openBoth(token, executionId);
    await revokeApiKey(world.db.orm, key.id);
    await seeThemCut(all);
    expect((await ask(url, `/executions/${executionId}`, { headers: token.headers })).status).toBe(401);
  });

  test('comes no later than that of the user’s token it was made with', async () => {
    const exp = nowSeconds() + 30;
    const { expiresAt } = await give('thread', 'mine', { scope: 'read' }, asUser({ exp }));
    expect(Date.parse(expiresAt)).toBe(exp * 1000);
    const key = await world.makeKey();
    const long = await give('thread', 'mine', { scope: 'read', ttlSeconds: 86_400 }, key.headers);
    expect(Date.parse(long.expiresAt)).toBeGreaterThan(Date.now() + 86_000_000);
  });

  test('comes with that of its thread', async () => {
    const { executionId, threadId } = await another();
    const all = [
      await give('thread', threadId, { scope: 'write' }),
      await give('execution', executionId, { scope: 'read' }),
    ];
    await settled(url, ANN, executionId);
    expect((await ask(url, `/threads/${threadId}`, { method: 'DELETE', headers: ANN })).status).toBe(204);
    for (const { headers } of all) {
      for (const path of [`/threads/${threadId}`, `/executions/${executionId}`])
        expect((await ask(url, path, { headers })).status).toBe(401);
      const sent = await ask(url, `/threads/${threadId}/messages`, { headers, body: { text: 'say hello' } });
      expect(sent.status).toBe(401);
    }
    const { rows } = await world.db.pool.query('SELECT id FROM outlast.threads WHERE id = $1', [threadId]);
    expect(rows).toEqual([]);
  });

  test('does not come with that of its execution: who cancels reads the end', async () => {
    const { executionId } = await another('say one\nhang');
    const { headers } = await give('execution', executionId, { scope: 'cancel' });
    const cancel = () => ask(url, `/executions/${executionId}/cancel`, { method: 'POST', headers });
    for (const answer of [await cancel(), await cancel()]) {
      expect(answer.status).toBe(202);
      expect(answer.json()['execution']).toMatchObject({ status: 'cancelled' });
    }
    const replay = await ask(url, `/executions/${executionId}/stream`, { headers });
    expect(replay.text).toMatch(/"type":"abort".*\n\ndata: \[DONE\]\n\n$/);
    const { rows } = await world.db.pool.query(
      'SELECT cancelled_by FROM outlast.workflow_executions WHERE id = $1',
      [executionId],
    );
    expect(rows).toEqual([{ cancelled_by: 'ann' }]);
  });
});

describe('where a token is shown', () => {
  let token: string;
  let headers: Headers;
  const path = () => `/executions/${ids['execution']}`;

  beforeAll(async () => {
    ({ token, headers } = await give('execution', ids['execution'] ?? '', { scope: 'cancel' }));
  });

  test('to what is read, in the URL as well, and what is asked stays as strict', async () => {
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(url, `${path()}?token=${token}`, { method })).status).toBe(200);
      expect((await ask(url, `${path()}/stream?after=0&token=${token}`, { method })).status).toBe(200);
      expect((await ask(url, `${path()}?token=${token}&other=1`, { method })).status).toBe(400);
    }
  });

  test('nowhere else in a URL', async () => {
    const cancel = (more: Headers) =>
      ask(url, `${path()}/cancel?token=${token}`, { method: 'POST', headers: more });
    expect((await cancel({})).status).toBe(401);
    const answer = await cancel(headers);
    expect(answer.json()).toMatchObject({ status: 400, code: 'bad-query', instance: `${path()}/cancel` });
    expect(answer.text).not.toContain(token);
  });

  test('once', async () => {
    expect((await ask(url, `${path()}?token=${token}&token=${token}`)).status).toBe(401);
    // What is in the header is who asks.
    expect(
      (await ask(url, `${path()}?token=${token}`, { headers: { authorization: 'Bearer x' } })).status,
    ).toBe(401);
    const other = await another();
    expect((await ask(url, `/executions/${other.executionId}?token=${token}`, { headers: ANN })).status).toBe(
      200,
    );
  });

  test('as no key, and nothing else as a token', async () => {
    expect((await ask(url, path(), { headers: { 'x-api-key': token } })).status).toBe(401);
    const { headers: key } = await world.makeKey();
    const jwt = ANN.authorization.slice('Bearer '.length);
    for (const shown of [key['x-api-key'], jwt, '', 'x']) {
      if (shown.length > 1) secrets.add(shown);
      expect((await ask(url, `${path()}?token=${encodeURIComponent(shown)}`)).status).toBe(401);
    }
    expect((await ask(url, path(), { headers: key })).status).toBe(200);
  });
});

describe('who gives a token away', () => {
  const NEEDED: Record<TokenScope, string[]> = {
    read: ['executions:read'],
    decide: ['executions:read', 'approvals:decide'],
    cancel: ['executions:write'],
    write: ['executions:write'],
  };
  const sets = [
    ['executions:read'],
    ['approvals:decide'],
    ['executions:read', 'approvals:decide'],
    ['executions:write'],
  ] as const;

  test.each(sets.map((scopes) => [scopes]))('may do so themselves: %p', async (scopes) => {
    const { headers } = await world.makeKey({ scopes: [...scopes] });
    const has = new Set<string>(scopes);
    if (has.has('executions:write')) has.add('executions:read');
    for (const scope of TOKEN_SCOPES) {
      const answer = await ask(url, '/threads/mine/tokens', { headers, body: { scope } });
      const may = NEEDED[scope].every((each) => has.has(each));
      expect([scope, answer.status]).toEqual([scope, may ? 201 : 403]);
    }
  });

  test('says for what and for how long', async () => {
    const bad: [string, unknown][] = [
      [`/executions/${ids['execution']}`, { scope: 'write' }],
      [`/executions/${ids['execution']}`, {}],
      ['/threads/mine', { scope: 'all' }],
      ...[0, -1, 86_401, 1.5, '60', null].map((ttlSeconds): [string, unknown] => [
        '/threads/mine',
        { scope: 'read', ttlSeconds },
      ]),
    ];
    for (const [thing, body] of bad) {
      const answer = await ask(url, `${thing}/tokens`, { headers: ANN, body });
      expect([body, answer.json()['code']]).toEqual([body, 'validation-failed']);
    }
    const { expiresAt } = await give('thread', 'mine', { scope: 'read' }, (await world.makeKey()).headers);
    expect(Math.round((Date.parse(expiresAt) - Date.now()) / 60_000)).toBe(10);
  });

  test('is who a token acts as: a key cannot make itself the approver of a user', async () => {
    const approvalId = await insertApproval(world.db, {
      tenantId: 'acme',
      ownerId: 'ann',
      approvers: ['ann'],
    });
    const approval = (await ask(url, `/approvals/${approvalId}`, { headers: ANN })).json();
    const executionId = String(approval['executionId']);
    const key = await world.makeKey();
    const { headers } = await give('execution', executionId, { scope: 'decide' }, key.headers);
    expect((await ask(url, `/approvals/${approvalId}`, { headers })).status).toBe(200);
    const body = { decision: 'deny' };
    const decide = await ask(url, `/approvals/${approvalId}/decision`, { headers, body });
    expect(decide.json()).toMatchObject({ status: 403, code: 'may-not-decide' });
    const plain = await startRefundAs(url, ANN, 'by-key');
    const byKey = await give('thread', 'by-key', { scope: 'decide' }, key.headers);
    const decided = await ask(url, `/approvals/${plain.approvalId}/decision`, {
      headers: byKey.headers,
      body,
    });
    expect(decided.json()).toMatchObject({ status: 'denied', decidedBy: `key:${key.id}` });
  });

  test('and each request makes one, whatever its key: no answer with a secret is kept', async () => {
    const headers = { ...ANN, 'idempotency-key': 'one token' };
    const [first, second] = [
      await give('thread', 'mine', { scope: 'read' }, headers),
      await give('thread', 'mine', { scope: 'read' }, headers),
    ];
    expect(first.token).not.toBe(second.token);
    for (const each of [first, second])
      expect((await ask(url, '/threads/mine', { headers: each.headers })).status).toBe(200);
  });
});

test('a page with a token for a thread chats in it, and in no other', async () => {
  const { threadId } = await another('say hello');
  const { token } = await give('thread', threadId, { scope: 'write' });
  const client = createOutlastClient({ baseUrl: url, token: async () => token });
  const sent = await client.threads.send(threadId, { text: 'say again' });
  await client.executions.wait(sent.execution.id);
  const transport = new OutlastChatTransport({ client });
  const request = { trigger: 'submit-message' as const, messageId: undefined, abortSignal: undefined };
  const messages = [
    { id: 'q', role: 'user' as const, parts: [{ type: 'text' as const, text: 'say three' }] },
  ];
  const chunks: string[] = [];
  for await (const { type } of await transport.sendMessages({ ...request, chatId: threadId, messages }))
    chunks.push(type);
  expect([chunks[0], chunks.at(-1)]).toEqual(['start', 'finish']);
  expect((await client.threads.messages(threadId)).data).toHaveLength(6);
  const elsewhere = transport.sendMessages({ ...request, chatId: 'mine', messages });
  await expect(elsewhere).rejects.toMatchObject({ status: 404 });
});

test('no secret is in the log, nor in any table', async () => {
  expect(secrets.size).toBeGreaterThan(30);
  const log = world.server.log();
  expect(log).toContain('http.answered');
  expect([...secrets].filter((secret) => log.includes(secret))).toEqual([]);
  const { rows: tables } = await world.db.pool.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema IN ('outlast', 'dbos') AND table_type = 'BASE TABLE'`,
  );
  expect(tables.map(({ name }) => name)).toContain('outlast.access_tokens');
  for (const { name } of tables) {
    const { rows } = await world.db.pool.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`);
    const all = rows.map(({ text }) => text).join('\n');
    expect([name, [...secrets].filter((secret) => all.includes(secret))]).toEqual([name, []]);
  }
});
