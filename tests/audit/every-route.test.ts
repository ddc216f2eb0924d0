import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { AUDIT_ACTIONS } from '../../src/audit/actions.ts';
import { allRoutes } from '../../src/http/all-routes.ts';
import { getSolution, makeApp, postSolution, SHOP } from '../apps/world.ts';
import { asUser } from '../auth/tokens.ts';
import { type AuthWorld, settled, startAs, startAuthWorld, startRefundAs } from '../auth/world.ts';
import { type Answer, ask } from '../http/client.ts';
import { waitFor } from '../support/wait-for.ts';

/** What is nowhere in the log: it stands in all that people say here. */
const CANARY = 'canary';
const ANN = asUser({ roles: ['operator'] });
const BOB = asUser({ sub: 'bob', roles: ['operator'] });
const ENV = {
  OUTLAST_NOTIFY_URL: 'http://127.0.0.1:9/',
  OUTLAST_NOTIFY_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
  OUTLAST_JWT_ROLE_SCOPES: 'operator=admin',
  OUTLAST_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
  MAINTENANCE_INTERVAL_MS: '3600000',
};

type Entry = Record<string, unknown>;

/** A request that changes something of Ann's, and what has to be written down of it. */
interface Request {
  path: string;
  body?: unknown;
  status: number;
  /** Newest first, where there are several. */
  entry(answer: Answer): Entry | Entry[];
}

let world: AuthWorld;
let url: string;
let count = 0;

const say = { input: `say ${CANARY}`, agentId: 'assistant' };
const userMessage = (id: string, text: string) => ({ id, role: 'user', parts: [{ type: 'text', text }] });
const newThread = () => `thread-${++count}`;
const newEvent = () => `event-${++count}`;

/** An execution of Ann's that is over. */
async function finished() {
  const { id, threadId } = await startAs(url, ANN, { ...say, threadId: newThread() });
  const { messageId, inputMessageId } = await settled(url, ANN, id);
  return { id, threadId, messageId: String(messageId), inputMessageId: String(inputMessageId) };
}

/** One that waits for Ann to decide. */
async function waiting() {
  const threadId = newThread();
  return { threadId, ...(await startRefundAs(url, ANN, threadId)) };
}

function executionIn(answer: Answer): { id: string; threadId: string; inputMessageId: string } {
  return answer.json()['execution'] as { id: string; threadId: string; inputMessageId: string };
}

/** Entries about an execution that an answer shows. */
function started(action: string, details: object): Request['entry'] {
  return (answer) => {
    const { id, threadId, inputMessageId } = executionIn(answer);
    const isMessage = action.startsWith('message.');
    const subject = isMessage ? ['message', inputMessageId] : ['execution', id];
    const [subjectType, subjectId] = subject;
    return { action, subjectType, subjectId, executionId: id, threadId, details };
  };
}

const byApi = { agentId: 'assistant', source: 'api' };

async function aboutThread(action: string, details: object) {
  const threadId = newThread();
  await ask(url, '/threads', { headers: ANN, body: { id: threadId } });
  const entry = { action, subjectType: 'thread', subjectId: threadId, threadId, executionId: null, details };
  return { path: `/threads/${threadId}`, entry: () => entry };
}

async function aboutApproval(action: string, details: object) {
  const { executionId, approvalId, threadId } = await waiting();
  const subject = { subjectType: 'approval', subjectId: approvalId };
  const entry = {
    action,
    ...subject,
    executionId,
    threadId,
    details: { toolName: 'refund_order', ...details },
  };
  return { executionId, approvalId, status: 200, entry: () => entry };
}

async function aboutCancel() {
  const { executionId, threadId } = await waiting();
  const subject = { subjectType: 'execution', subjectId: executionId };
  const details = { was: 'suspended', mode: 'interrupt' };
  const entry = { action: 'execution.cancelled', ...subject, executionId, threadId, details };
  return { executionId, threadId, status: 202, entry: () => entry };
}

function givesToken(scope: string, about: Entry) {
  const body = { scope };
  const entry = (answer: Answer) => ({
    action: 'token.created',
    subjectType: 'token',
    subjectId: expect.any(String),
    ...about,
    details: { scope, expiresAt: answer.json()['expiresAt'] },
  });
  return { body, status: 201, entry };
}

async function makeAutomation(fields: object = {}): Promise<string> {
  const trigger = { type: 'event', name: newEvent() };
  const body = { name: CANARY, agentId: 'assistant', input: `say ${CANARY}`, trigger, ...fields };
  return String((await ask(url, '/automations', { headers: ANN, body })).json()['id']);
}

async function aboutAutomation(action: string, details: object = {}, fields: object = {}) {
  const id = await makeAutomation(fields);
  const subject = { subjectType: 'automation', subjectId: id, executionId: null, threadId: null };
  const entry = (_answer: Answer): Entry | Entry[] => ({ action, ...subject, details });
  return { id, path: `/automations/${id}`, status: 200, entry };
}

/** Who set an automation off, and what it then did by itself. */
function setOff(
  automationId: string,
  { id: firingId, executionId, status, cause }: Record<string, unknown>,
): Entry[] {
  const place = { executionId, threadId: expect.any(String) };
  return [
    {
      action: 'automation.fired',
      subjectType: 'automation',
      subjectId: automationId,
      ...place,
      details: { firingId, cause, status },
    },
    startedBy(automationId, { firingId, executionId }),
  ];
}

function startedBy(automationId: string, { firingId, executionId }: Record<string, unknown>): Entry {
  return {
    action: 'execution.started',
    subjectType: 'execution',
    subjectId: executionId,
    executionId,
    threadId: expect.any(String),
    details: { agentId: 'assistant', source: 'automation', firingId },
    actorKind: 'system',
    actor: `automation:${automationId}`,
    requestId: null,
  };
}

/** Every route that changes something; one that is missing here fails the test. */
const REQUESTS: Record<string, () => Promise<Request>> = {
  'POST /executions': async () => ({
    path: '/executions',
    body: { ...say, metadata: { note: CANARY } },
    status: 202,
    entry: started('execution.started', byApi),
  }),
  'POST /executions/{id}/cancel': async () => {
    const { executionId, ...request } = await aboutCancel();
    return { ...request, path: `/executions/${executionId}/cancel`, body: { reason: CANARY } };
  },
  'POST /executions/{id}/retry': async () => {
    const { executionId } = await waiting();
    await ask(url, `/executions/${executionId}/cancel`, { method: 'POST', headers: ANN });
    const details = { agentId: 'operator', source: 'api', retryOf: executionId };
    const entry = started('execution.retried', details);
    return { path: `/executions/${executionId}/retry`, status: 202, entry };
  },
  'POST /executions/{id}/fork': async () => {
    const { id } = await finished();
    const entry = started('execution.forked', { ...byApi, forkOf: id, fromTurn: 1 });
    return { path: `/executions/${id}/fork`, body: { fromTurn: 1 }, status: 202, entry };
  },
  'POST /threads': async () => {
    const id = newThread();
    const subject = { subjectType: 'thread', subjectId: id, threadId: id, executionId: null };
    const entry = () => ({ action: 'thread.created', ...subject, details: {} });
    return { path: '/threads', body: { id, title: CANARY, metadata: { note: CANARY } }, status: 201, entry };
  },
  'PATCH /threads/{id}': async () => ({
    ...(await aboutThread('thread.updated', { changed: ['title', 'metadata'] })),
    body: { title: CANARY, metadata: { note: CANARY } },
    status: 200,
  }),
  'DELETE /threads/{id}': async () => ({
    ...(await aboutThread('thread.deleted', { executions: 0 })),
    status: 204,
  }),
  'POST /threads/{id}/messages': async () => ({
    path: `/threads/${newThread()}/messages`,
    body: { text: `say ${CANARY}`, agentId: 'assistant' },
    status: 202,
    entry: started('execution.started', byApi),
  }),
  'PUT /threads/{id}/messages/{messageId}': async () => {
    const { threadId, inputMessageId } = await finished();
    const path = `/threads/${threadId}/messages/${inputMessageId}`;
    return { path, body: { text: `say ${CANARY}` }, status: 202, entry: started('message.edited', byApi) };
  },
  'POST /threads/{id}/messages/{messageId}/regenerate': async () => {
    const { threadId, messageId } = await finished();
    const path = `/threads/${threadId}/messages/${messageId}/regenerate`;
    return { path, status: 202, entry: started('message.regenerated', byApi) };
  },
  'POST /executions/{id}/approvals/{toolCallId}': async () => {
    const request = await aboutApproval('approval.decided', { decision: 'denied', isEdited: false });
    const asked = await ask(url, `/approvals/${request.approvalId}`, { headers: ANN });
    const path = `/executions/${request.executionId}/approvals/${String(asked.json()['toolCallId'])}`;
    return { ...request, path, body: { approved: false, reason: CANARY } };
  },
  'POST /approvals/{id}/decision': async () => {
    const request = await aboutApproval('approval.decided', { decision: 'approved', isEdited: true });
    const body = { decision: 'approve', input: { orderId: CANARY, amount: 2 }, reason: CANARY };
    return { ...request, path: `/approvals/${request.approvalId}/decision`, body };
  },
  'POST /approvals/{id}/assign': async () => {
    const request = await aboutApproval('approval.assigned', { assignee: 'bob' });
    return { ...request, path: `/approvals/${request.approvalId}/assign`, body: { assignee: 'bob' } };
  },
  'POST /approvals/decisions': async () => {
    const request = await aboutApproval('approval.decided', { decision: 'denied', isEdited: false });
    const decisions = [{ approvalId: request.approvalId, decision: 'deny', reason: CANARY }];
    return { ...request, path: '/approvals/decisions', body: { decisions } };
  },
  'POST /threads/{id}/tokens': async () => {
    const { threadId } = await finished();
    const about = { threadId, executionId: null };
    return { path: `/threads/${threadId}/tokens`, ...givesToken('write', about) };
  },
  'POST /executions/{id}/tokens': async () => {
    const { id, threadId } = await finished();
    return { path: `/executions/${id}/tokens`, ...givesToken('read', { threadId, executionId: id }) };
  },
  'POST /notifications/{id}/resend': async () => {
    const { id: executionId, threadId } = await finished();
    const notificationId = await waitFor(
      async () => {
        const path = `/notifications?executionId=${executionId}&status=failed`;
        return (await ask(url, path, { headers: ANN })).json().data[0]?.['id'] as string | undefined;
      },
      { describe: 'the notification to be refused' },
    );
    const subject = { subjectType: 'notification', subjectId: notificationId, executionId, threadId };
    const entry = { action: 'notification.resent', ...subject, details: { type: 'execution.completed' } };
    return { path: `/notifications/${notificationId}/resend`, status: 202, entry: () => entry };
  },
  'POST /automations': async () => {
    const trigger = { type: 'webhook', signature: { preset: 'github' }, secret: `${CANARY}${CANARY}` };
    return {
      path: '/automations',
      body: { name: CANARY, agentId: 'assistant', input: CANARY, trigger },
      status: 201,
      entry: (answer) => ({
        action: 'automation.created',
        subjectType: 'automation',
        subjectId: answer.json()['id'],
        executionId: null,
        threadId: null,
        details: { agentId: 'assistant', trigger: 'webhook' },
      }),
    };
  },
  'PATCH /automations/{id}': async () => ({
    ...(await aboutAutomation('automation.updated', { changed: ['input', 'enabled'] })),
    body: { input: `say ${CANARY} again`, enabled: false },
  }),
  'DELETE /automations/{id}': async () => ({
    ...(await aboutAutomation('automation.deleted', { agentId: 'assistant', trigger: 'event' })),
    status: 204,
  }),
  'POST /automations/{id}/pause': async () => {
    const request = await aboutAutomation('automation.paused');
    return { ...request, path: `${request.path}/pause` };
  },
  'POST /automations/{id}/resume': async () => {
    const request = await aboutAutomation('automation.resumed', {}, { enabled: false });
    return { ...request, path: `${request.path}/resume` };
  },
  'POST /automations/{id}/fire': async () => {
    const id = await makeAutomation();
    const entry = (answer: Answer) =>
      setOff(id, { ...(answer.json()['firing'] as object), cause: 'request' });
    return { path: `/automations/${id}/fire`, body: { payload: CANARY }, status: 202, entry };
  },
  'POST /events': async () => {
    const name = newEvent();
    const id = await makeAutomation({ trigger: { type: 'event', name } });
    const entry = (answer: Answer) => {
      const [firing] = answer.json()['firings'] as object[];
      return setOff(id, { ...firing, cause: 'event' });
    };
    return { path: '/events', body: { name, payload: CANARY }, status: 202, entry };
  },
  'POST /api/chat': async () => {
    const threadId = newThread();
    const messages = [userMessage(`m-${threadId}`, `say ${CANARY}`)];
    return {
      path: '/api/chat',
      body: { id: threadId, trigger: 'submit-message', messages, agentId: 'assistant' },
      status: 200,
      entry: ({ headers }) => ({
        action: 'execution.started',
        subjectType: 'execution',
        subjectId: headers['x-execution-id'],
        executionId: headers['x-execution-id'],
        threadId,
        details: { agentId: 'assistant', source: 'chat' },
      }),
    };
  },
  'POST /api/chat/{id}/stop': async () => {
    const { threadId, ...request } = await aboutCancel();
    return { ...request, path: `/api/chat/${threadId}/stop` };
  },
};

/** These are done by no request. */
const ELSEWHERE = [
  'secret.rotated',
  'key.created',
  'key.revoked',
  'app.created',
  'app.disabled',
  'approval.expired',
];
/** What asks nobody who they are has tests of its own. */
const BY_STRANGERS = {
  'POST /apps/{appId}/sessions': 'session.opened',
  // The sender is known to the automation alone: that one acts.
  'POST /hooks/{automationId}': 'execution.started',
};

const CHANGING = allRoutes({ version: { version: '0', node: '0', applicationVersion: '0' } }).filter(
  ({ method }) => method !== 'get',
);
const NAMES = Object.keys(REQUESTS);

let client: pg.Client;
/** A key of Ann's that may do none of this. */
let counter: Record<string, string>;

beforeAll(async () => {
  world = await startAuthWorld(ENV);
  url = world.server.url;
  client = new pg.Client({ connectionString: world.server.databaseUrl });
  await client.connect();
  const key = await world.makeKey({ scopes: ['metrics:read'], ownerId: 'ann' });
  counter = key.headers;
});
afterAll(async () => {
  await client.end();
  await world.dispose();
});

function send(name: string, { path, body }: Request, headers: Record<string, string>): Promise<Answer> {
  return ask(url, path, {
    method: name.split(' ')[0] ?? '',
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

/** All that Ann reads in the log, newest first. */
async function audited(headers: Record<string, string> = ANN, query = ''): Promise<Entry[]> {
  return (await ask(url, `/audit?limit=200${query}`, { headers })).json().data;
}

/** What is stored, once nothing happens by itself any more. */
async function stored(): Promise<Record<string, unknown>> {
  await waitFor(
    async () => {
      const { rows } = await client.query(
        `SELECT 1 FROM outlast.workflow_executions WHERE status IN ('queued', 'running')
           OR firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NOT NULL
         UNION ALL SELECT 1 FROM outlast.notifications WHERE status = 'pending'`,
      );
      return rows.length === 0;
    },
    { describe: 'everything to come to rest' },
  );
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'outlast'
       AND table_type = 'BASE TABLE' AND table_name NOT IN ('workers', 'migrations', 'api_keys', 'schedule_clock')`,
  );
  const contents: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await client.query(
      `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM outlast."${name}" t`,
    );
    contents[name] = rows[0];
  }
  return contents;
}

async function whileNothingCanBeWrittenDown(work: () => Promise<void>): Promise<void> {
  await client.query('ALTER TABLE outlast.audit_log ADD CONSTRAINT refusing CHECK (false) NOT VALID');
  await work().finally(() => client.query('ALTER TABLE outlast.audit_log DROP CONSTRAINT refusing'));
}

describe('every route that changes something', () => {
  test('is in this table, and every action is somewhere', async () => {
    expect([...NAMES, ...Object.keys(BY_STRANGERS)].sort()).toEqual(
      CHANGING.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort(),
    );
  });

  test.each(NAMES)('%s is written down once, with all that it did or not at all', async (name) => {
    const request = await (REQUESTS[name] as () => Promise<Request>)();
    const before = await stored();
    const known = await audited();

    expect((await send(name, request, counter)).status).toBe(403);
    expect(await stored()).toEqual(before);

    await whileNothingCanBeWrittenDown(async () => {
      const failed = await send(name, request, ANN);
      const [result] = (failed.status === 200 ? failed.json()['results'] : []) as { status: number }[];
      expect(result?.status ?? failed.status).toBe(500);
      expect(await stored()).toEqual(before);
    });

    const requestId = `r.${++count}`;
    const headers = { ...ANN, 'idempotency-key': `k${count}`, 'x-request-id': requestId };
    const answer = await send(name, request, headers);
    expect(answer.status).toBe(request.status);
    const entries = await audited();
    const expected = [request.entry(answer)].flat();
    expect(entries.slice(expected.length)).toEqual(known);
    const by = { actorKind: 'user', actor: 'ann', via: null, ownerId: 'ann', requestId };
    const always = { id: expect.any(String), at: expect.any(String) };
    expect(entries.slice(0, expected.length)).toEqual(
      expected.map((entry) => ({ ...always, ...by, ...entry })),
    );

    const { headers: read } = CHANGING.find((route) => name.endsWith(` ${route.path}`)) ?? {};
    if (read !== undefined && 'idempotency-key' in read.shape) {
      const again = await send(name, request, { ...headers, 'x-request-id': 'again' });
      expect(again.status).toBe(request.status);
    }
    await send(name, request, BOB);
    expect(await audited()).toEqual(entries);
  });

  test('has an action, and each action a route', async () => {
    const actions = (await audited()).map(({ action }) => action);
    expect(new Set([...actions, ...Object.values(BY_STRANGERS), ...ELSEWHERE])).toEqual(
      new Set(AUDIT_ACTIONS),
    );
  });
});

describe('a chat', () => {
  test('that is rewritten says so', async () => {
    const id = newThread();
    const chat = (body: object) =>
      ask(url, '/api/chat', { headers: ANN, body: { id, agentId: 'assistant', ...body } });
    const messages = [userMessage('m1', `say ${CANARY}`)];
    await chat({ trigger: 'submit-message', messages });
    await chat({ trigger: 'regenerate-message', messageId: 'm1', messages });
    const edited = [userMessage('m1', `say ${CANARY} again`)];
    await chat({ trigger: 'submit-message', messageId: 'm1', messages: edited });
    const entries = await audited(ANN, `&threadId=${id}`);
    expect(entries.map(({ action, subjectId }) => [action, subjectId])).toEqual([
      ['message.edited', 'm1'],
      ['message.regenerated', 'm1'],
      ['execution.started', expect.any(String)],
    ]);
  });
});

test('what is so already is not written down again, also where no key says so', async () => {
  const { approvalId, executionId, threadId } = await waiting();
  const post = (path: string, body: object) => ask(url, path, { headers: ANN, body });
  for (let i = 0; i < 2; i++) await post(`/approvals/${approvalId}/assign`, { assignee: 'bob' });
  for (let i = 0; i < 2; i++) await post(`/executions/${executionId}/cancel`, {});
  const id = await makeAutomation();
  for (const verb of ['pause', 'pause', 'resume', 'resume']) await post(`/automations/${id}/${verb}`, {});
  expect((await audited(ANN, `&subjectId=${id}`)).map(({ action }) => action)).toEqual([
    'automation.resumed',
    'automation.paused',
    'automation.created',
  ]);
  for (let i = 0; i < 2; i++) await post(`/threads/${threadId}/messages`, { id: 'm2', text: 'say again' });
  const entries = await audited(ANN, `&threadId=${threadId}`);
  expect(entries.map(({ action }) => action)).toEqual([
    'execution.started',
    'execution.cancelled',
    'approval.assigned',
    'execution.started',
  ]);
});

describe('what a new message interrupts', () => {
  test('is written down as cancelled by whoever sent it', async () => {
    const { executionId, threadId } = await waiting();
    await startAs(url, ANN, { ...say, threadId, onBusy: 'interrupt' });
    const entries = await audited(ANN, `&threadId=${threadId}`);
    expect(entries.map(({ action }) => action)).toEqual([
      'execution.started',
      'execution.cancelled',
      'execution.started',
    ]);
    expect(entries[1]).toMatchObject({ actor: 'ann', executionId });
  });
});

describe('a key', () => {
  test.each([
    ['of a user’s acts as itself, in the user’s name', 'ann'],
    ['of the tenant acts as itself, in its own name', null],
  ])('%s', async (_, ownerId) => {
    const { id, headers } = await world.makeKey({ ownerId });
    const subjectId = newThread();
    await ask(url, '/threads', { headers, body: { id: subjectId } });
    expect(await audited(headers, `&subjectId=${subjectId}`)).toMatchObject([
      {
        actorKind: 'api-key',
        actor: id,
        via: headers['x-api-key'].slice(0, 20),
        ownerId: ownerId ?? `key:${id}`,
      },
    ]);
  });
});

test('a session that a stranger opens is written down with it or not at all, and acts as itself', async () => {
  const appId = await makeApp(world.db);
  const solution = await getSolution(url, appId);
  const { headers: tenant } = await world.makeKey();
  const before = await stored();
  await whileNothingCanBeWrittenDown(async () => {
    expect((await postSolution(url, appId, solution)).status).toBe(500);
    expect(await stored()).toEqual(before);
  });
  const opened = await postSolution(url, appId, solution);
  expect((await postSolution(url, appId, solution)).status).toBe(409);
  const headers = { authorization: `Bearer ${String(opened.json()['token'])}`, origin: SHOP };
  await ask(url, '/threads', { headers, body: {} });
  const [made, session, app] = await audited(
    tenant,
    '&action=thread.created&action=session.opened&action=app.created',
  );
  const by = { actorKind: 'session', actor: session?.['subjectId'], via: appId };
  const ownerId = expect.stringMatching(/^anon:/);
  const requestId = opened.headers['x-request-id'];
  expect(session).toMatchObject({ action: 'session.opened', ...by, ownerId, requestId, details: {} });
  expect(made).toMatchObject({ action: 'thread.created', ...by, ownerId: session?.['ownerId'] });
  expect(app).toMatchObject({ actorKind: 'command', subjectId: appId, ownerId: null });
});

describe('an automation', () => {
  const entriesOf = async (id: string) => [
    ...(await audited(ANN, `&actor=automation:${id}`)),
    ...(await audited(ANN, `&subjectId=${id}&action=automation.fired`)),
  ];

  test('acts as itself when a webhook sets it off, once for a delivery, and not for who may not', async () => {
    const secret = `${CANARY}-secret`;
    const trigger = { type: 'webhook', signature: { header: 'x-secret', algorithm: 'plain' }, secret };
    const id = await makeAutomation({ trigger: { ...trigger, dedupeHeader: 'x-delivery' } });
    const send = (headers: Record<string, string>) =>
      ask(url, `/hooks/${id}`, { headers: { 'x-delivery': CANARY, ...headers }, body: { text: CANARY } });
    const before = await stored();
    expect((await send({ 'x-secret': 'wrong' })).status).toBe(401);
    await whileNothingCanBeWrittenDown(async () => {
      expect((await send({ 'x-secret': secret })).status).toBe(500);
    });
    expect(await stored()).toEqual(before);
    const [taken] = [await send({ 'x-secret': secret }), await send({ 'x-secret': secret })];
    expect(await entriesOf(id)).toMatchObject([{ ...startedBy(id, taken.json()), ownerId: 'ann' }]);
  });

  test('that has no place for it lets it wait, which is written down, or skips it, which is not', async () => {
    const name = newEvent();
    const say = async (event: string) => {
      const answer = await ask(url, '/events', { headers: ANN, body: { name, id: event } });
      return (answer.json()['firings'] as Entry[])[0];
    };
    const trigger = { type: 'event', name };
    const id = await makeAutomation({
      trigger,
      agentId: 'operator',
      input: 'call ask_person {"question": "?"}',
    });
    await say('1');
    expect(await say('2')).toMatchObject({ status: 'skipped', reason: 'busy' });
    const onBusy = { concurrency: { max: 1, onBusy: 'enqueue' } };
    await ask(url, `/automations/${id}`, { method: 'PATCH', headers: ANN, body: onBusy });
    const waits = await say('3');
    await say('3');
    const details = { firingId: waits?.['id'], cause: 'event', status: 'enqueued' };
    expect(await entriesOf(id)).toMatchObject([
      { action: 'execution.started' },
      { action: 'automation.fired', actor: 'ann', executionId: null, details },
      { action: 'automation.fired', actor: 'ann', details: { status: 'fired' } },
    ]);
  });

  test('that somebody else sets off says who did', async () => {
    const name = newEvent();
    const id = await makeAutomation({ trigger: { type: 'event', name } });
    const tenant = await world.makeKey();
    await ask(url, '/events', { headers: tenant.headers, body: { name } });
    expect(await entriesOf(id)).toMatchObject([
      { actorKind: 'system', ownerId: 'ann' },
      { actorKind: 'api-key', actor: tenant.id, ownerId: 'ann' },
    ]);
  });
});

test('a token acts as itself, and is known by who gave it away', async () => {
  const { threadId } = await finished();
  const made = await ask(url, `/threads/${threadId}/tokens`, { headers: ANN, body: { scope: 'write' } });
  const headers = { authorization: `Bearer ${String(made.json()['token'])}` };
  await ask(url, `/threads/${threadId}/messages`, { headers, body: { text: `say ${CANARY}` } });
  const [did, given] = await audited(ANN, `&threadId=${threadId}`);
  expect(given).toMatchObject({ action: 'token.created', actor: 'ann' });
  const by = { actorKind: 'token', actor: given?.['subjectId'], via: 'ann', ownerId: 'ann' };
  expect(did).toMatchObject({ action: 'execution.started', ...by });
});

describe('the list', () => {
  test('shows nobody what was done to the things of others', async () => {
    const globex = await world.makeKey({ tenantId: 'globex' });
    const tenant = await world.makeKey();
    const all = await audited(tenant.headers, '&actor=ann');
    expect(all).toEqual(await audited(ANN, '&actor=ann'));
    expect(await audited(BOB, '&actor=ann')).toEqual([]);
    expect((await audited(globex.headers)).map(({ subjectId }) => subjectId)).toEqual([globex.id]);
  });

  test('is read page by page', async () => {
    const paged: Entry[] = [];
    for (let cursor: unknown = ''; cursor !== null; ) {
      const page = await ask(url, `/audit?limit=7${cursor === '' ? '' : `&cursor=${cursor as string}`}`, {
        headers: ANN,
      });
      paged.push(...page.json().data);
      cursor = page.json()['nextCursor'];
    }
    expect(paged).toEqual(await audited());
  });

  test.each(['action=eaten', 'subjectType=x', 'executionId=1', 'cursor=x', 'owner=ann'])(
    'refuses %s',
    async (query) => {
      expect((await ask(url, `/audit?${query}`, { headers: ANN })).json()).toMatchObject({
        code: 'bad-query',
      });
    },
  );

  test('has no word of what people said, and no secret', async () => {
    const { rows } = await client.query<{ text: string }>('SELECT a::text AS text FROM outlast.audit_log a');
    const texts = rows.map(({ text }) => text).join('\n');
    expect(texts).not.toContain(CANARY);
    expect(texts).not.toMatch(/ok_live_[0-9a-f]{12}_|ot_[\w-]{43}|eyJ/);
  });
});
