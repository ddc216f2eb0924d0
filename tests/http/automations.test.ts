import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentEntry } from '../../src/agents/load-agents.ts';
import { transaction } from '../../src/db/database.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, ask } from './client.ts';
import { serveAlone, type TestHttp } from './in-process.ts';

const SCHEDULE = { type: 'schedule', cron: '0 9 * * *', timezone: 'Europe/Berlin' };
const EVENT = { type: 'event', name: 'order.paid' };
const entry = (id: string, error: string | null = null) =>
  ({ id, error, agent: null }) as unknown as AgentEntry;
const AGENTS = [entry('assistant'), entry('operator'), entry('broken', 'It has a fault')];

describe('automations over HTTP', () => {
  let http: TestHttp;

  beforeAll(async () => {
    const get = (id: string) => AGENTS.find((agent) => agent.id === id);
    http = await serveAlone({ agents: { list: () => AGENTS, get, warning: null } });
  });
  afterAll(() => http.dispose());

  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    ask(http.url, path, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
  const patch = (id: string, body: unknown) => ask(http.url, `/automations/${id}`, { method: 'PATCH', body });
  const body = (fields: object = {}) => ({ name: 'n', input: 'say hi', trigger: EVENT, ...fields });
  const faults = (answer: Answer) =>
    (answer.json()['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);

  async function make(fields: object = {}): Promise<Record<string, unknown> & { id: string }> {
    const answer = await post('/automations', body(fields));
    expect(answer.status).toBe(201);
    return answer.json() as unknown as Record<string, unknown> & { id: string };
  }

  async function countOf(id: string): Promise<number> {
    const { rows } = await http.db.pool.query(
      'SELECT count(*)::int AS n FROM outlast.workflow_executions WHERE automation_id = $1',
      [id],
    );
    return rows[0].n as number;
  }

  test('are made with defaults, and found', async () => {
    const made = await make({ trigger: { type: 'schedule', cron: '*/5 * * * *' } });
    expect(made).toMatchObject({
      agentId: 'assistant',
      threadMode: 'new',
      trigger: { type: 'schedule', cron: '*/5 * * * *', timezone: 'UTC' },
      enabled: true,
      concurrency: { max: 1, onBusy: 'skip' },
      catchUp: 'none',
      maxAttempts: 1,
      approvalPolicy: 'ask',
      pauseAfterFailures: 10,
      pausedReason: null,
      nextDueAt: expect.stringMatching(/:[0-5][05]:00\.000Z$/),
    });
    expect((await ask(http.url, `/automations/${made.id}`)).json()).toEqual(made);
    expect((await ask(http.url, '/automations?limit=1')).json().data).toEqual([made]);
    expect((await ask(http.url, '/automations?agentId=operator')).json().data).toEqual([]);
  });

  test('are made once for one key', async () => {
    const headers = { 'idempotency-key': 'make-one' };
    const [first, second] = [
      await post('/automations', body(), headers),
      await post('/automations', body(), headers),
    ];
    expect(second.json()).toEqual(first.json());
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(first.headers['location']).toBe(`/automations/${String(first.json()['id'])}`);
  });

  test.each([
    [{ input: undefined }, ['/input']],
    [{ input: '' }, ['/input']],
    [{ input: 'a\u0000b' }, ['/input']],
    [{ input: '{{payload' }, ['/input']],
    [{ name: 'x'.repeat(257) }, ['/name']],
    [{ trigger: undefined }, ['/trigger']],
    [{ trigger: { type: 'webhook' } }, ['/trigger/signature']],
    [{ trigger: { type: 'telegram' } }, ['/trigger/type']],
    [{ trigger: { ...SCHEDULE, cron: '* * *' } }, ['/trigger/cron']],
    [{ trigger: { ...SCHEDULE, cron: '0 0 30 2 *' } }, ['/trigger/cron']],
    [{ trigger: { ...SCHEDULE, timezone: 'Mars/Base' } }, ['/trigger/timezone']],
    [{ trigger: { ...EVENT, cron: '* * * * *' } }, ['/trigger/cron']],
    [{ trigger: { ...EVENT, match: [1] } }, ['/trigger/match']],
    [{ concurrency: { max: 0 } }, ['/concurrency/max']],
    [{ maxAttempts: 11 }, ['/maxAttempts']],
    [
      { catchUp: 'all', threadMode: 'old', approvalPolicy: 'approve' },
      ['/threadMode', '/catchUp', '/approvalPolicy'],
    ],
    [{ tenantId: 'other' }, ['/tenantId']],
  ])('are refused as %j', async (fields, pointers) => {
    const answer = await post('/automations', body(fields));
    expect(answer.json()).toMatchObject({ status: 422, code: 'validation-failed' });
    expect(faults(answer)).toEqual(pointers);
  });

  test('name an agent that can answer', async () => {
    expect((await post('/automations', body({ agentId: 'nobody' }))).json()['code']).toBe('agent-not-found');
    expect((await post('/automations', body({ agentId: 'broken' }))).json()['code']).toBe('agent-broken');
    const { id } = await make();
    expect((await patch(id, { agentId: 'nobody' })).json()['code']).toBe('agent-not-found');
  });

  test('are changed by a merge patch, and checked as a whole', async () => {
    const { id, nextDueAt } = await make({ trigger: SCHEDULE, concurrency: { max: 3 }, maxAttempts: 4 });
    const renamed = (await patch(id, { name: 'other', concurrency: { onBusy: 'enqueue' } })).json();
    expect(renamed).toMatchObject({ name: 'other', concurrency: { max: 3, onBusy: 'enqueue' }, nextDueAt });
    expect((await patch(id, { maxAttempts: null })).json()).toMatchObject({ maxAttempts: 1 });
    const moved = (await patch(id, { trigger: { timezone: 'Asia/Tokyo' } })).json();
    expect(moved['trigger']).toEqual({ ...SCHEDULE, timezone: 'Asia/Tokyo' });
    expect(moved['nextDueAt']).not.toBe(nextDueAt);
    expect((await patch(id, { trigger: EVENT })).json()).toMatchObject({ trigger: EVENT, nextDueAt: null });
    expect(faults(await patch(id, { name: null }))).toEqual(['/name']);
    expect(faults(await patch(id, { trigger: { type: 'schedule' } }))).toEqual(['/trigger/cron']);
    expect(faults(await patch(id, { id: 'x' }))).toEqual(['/id']);
    expect((await ask(http.url, `/automations/${id}`)).json()).toMatchObject({
      name: 'other',
      trigger: EVENT,
    });
  });

  test('are paused and resumed, also by a patch, and say when they are due', async () => {
    const { id } = await make({ trigger: SCHEDULE });
    const upcoming = async () => (await ask(http.url, `/automations/${id}/upcoming?count=3`)).json().data;
    expect(await upcoming()).toHaveLength(3);
    const paused = await post(`/automations/${id}/pause`);
    expect(paused.json()).toMatchObject({ enabled: false, pausedReason: 'request', nextDueAt: null });
    expect(await upcoming()).toEqual([]);
    expect((await post(`/automations/${id}/pause`)).json()).toEqual(paused.json());
    const resumed = (await post(`/automations/${id}/resume`)).json();
    expect(resumed).toMatchObject({ enabled: true, pausedReason: null });
    expect(await upcoming()).toEqual([resumed['nextDueAt'], expect.any(String), expect.any(String)]);
    expect((await patch(id, { enabled: false })).json()).toMatchObject({ enabled: false, nextDueAt: null });
    expect((await ask(http.url, `/automations/${id}/upcoming?count=0`)).status).toBe(400);
    expect((await ask(http.url, '/automations?enabled=false&limit=1')).json().data[0]).toMatchObject({ id });
  });

  test('are paused and changed also while one is held for longer than a lock is waited for', async () => {
    const { id } = await make();
    const asked: Promise<Answer>[] = [];
    const waiting = async () => {
      const { rows } = await http.db.pool.query<{ since: string }>(
        `SELECT min(xact_start)::text AS since FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows[0]?.since;
    };
    await transaction(http.db, async (tx) => {
      await tx.execute(`SELECT 1 FROM outlast.automations WHERE id = '${id}' FOR UPDATE`);
      asked.push(post(`/automations/${id}/pause`), patch(id, { name: 'patient' }));
      const first = await waitFor(waiting, { describe: 'them to wait' });
      const hasGivenUp = async () => {
        await tx.execute('SELECT 1');
        const since = await waiting();
        return since !== undefined && since > first;
      };
      await waitFor(hasGivenUp, { describe: 'a second try to wait' });
    });
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
    const held = (await ask(http.url, `/automations/${id}`)).json();
    expect(held).toMatchObject({ enabled: false, name: 'patient' });
  });

  test('are fired on request, once for one key, and list what they did', async () => {
    const { id } = await make({ enabled: false });
    const headers = { 'idempotency-key': 'fire-one' };
    const first = await post(`/automations/${id}/fire`, { payload: { a: 1 } }, headers);
    expect(first.status).toBe(202);
    expect((await post(`/automations/${id}/fire`, { payload: { a: 1 } }, headers)).json()).toEqual(
      first.json(),
    );
    const firing = first.json()['firing'] as Record<string, unknown>;
    expect(firing).toMatchObject({ automationId: id, status: 'fired', reason: null, count: 1 });
    expect((await post(`/automations/${id}/fire`)).json()['firing']).toMatchObject({ reason: 'busy' });
    const firings = (await ask(http.url, `/automations/${id}/firings`)).json().data;
    expect(firings.map(({ status }) => status)).toEqual(['skipped', 'fired']);
    expect((await ask(http.url, `/automations/${id}/firings?status=fired`)).json().data).toEqual([firing]);
    const page = (await ask(http.url, `/automations/${id}/firings?limit=1`)).json();
    const rest = await ask(http.url, `/automations/${id}/firings?cursor=${String(page['nextCursor'])}`);
    expect(rest.json()).toEqual({ data: [firing], nextCursor: null });
    const executions = (await ask(http.url, `/executions?automationId=${id}`)).json().data;
    expect(executions).toMatchObject([{ id: firing['executionId'], source: 'automation', automationId: id }]);
    expect(await countOf(id)).toBe(1);
  });

  test('are fired by events, each by its id', async () => {
    const { id } = await make({
      trigger: { type: 'event', name: 'paid', match: { total: 3 } },
      concurrency: { max: 9 },
    });
    const sent = await Promise.all(
      Array.from({ length: 10 }, () =>
        post('/events', { name: 'paid', payload: { total: 3, x: 1 }, id: 'e1' }),
      ),
    );
    expect(sent.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    expect(sent[0]?.json()['firings']).toMatchObject([{ automationId: id, key: 'e1', status: 'fired' }]);
    expect((await post('/events', { name: 'paid', payload: { total: 4 } })).json()).toEqual({ firings: [] });
    expect(await countOf(id)).toBe(1);
    const [told] = sent.map((answer) => answer.json()['firings'] as { executionId: string }[]);
    const executionId = told?.[0]?.executionId ?? '';
    const deeper = await post(
      '/events',
      { name: 'paid', payload: { total: 3 } },
      { 'x-outlast-execution-id': executionId },
    );
    expect(deeper.json()['firings']).toMatchObject([{ status: 'fired' }]);
    const unknown = { 'x-outlast-execution-id': '01890000-0000-7000-8000-000000000000' };
    expect((await post('/events', { name: 'paid' }, unknown)).status).toBe(404);
    expect((await post('/events', { name: 'paid' }, { 'x-outlast-execution-id': 'x' })).status).toBe(400);
    expect(faults(await post('/events', { payload: 1 }))).toEqual(['/name']);
  });

  test('are deleted with their firings, and what they started stays', async () => {
    const { id } = await make();
    await post(`/automations/${id}/fire`);
    const remove = () => ask(http.url, `/automations/${id}`, { method: 'DELETE' });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    for (const path of ['', '/firings', '/upcoming'])
      expect((await ask(http.url, `/automations/${id}${path}`)).status).toBe(404);
    expect((await post(`/automations/${id}/fire`)).status).toBe(404);
    expect(await countOf(id)).toBe(1);
  });
});
