import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uuidv7 } from 'uuidv7';
import { type Answer, ask } from '../http/client.ts';
import type { KillPoint } from '../support/kill-points.ts';
import { startRefunds } from '../support/operator.ts';
import type { TestServer } from '../support/server.ts';
import { arm, expectDeath, startKillable } from './recovery-run.ts';

const COUNT = 5;
const MOMENTS: (KillPoint & { name: string })[] = [
  {
    name: 'before the first decision',
    event: 'statement',
    matches: 'update.*approvals.*denied',
    moment: 'before',
  },
  { name: 'before the third commit', event: 'commit', matches: '"denied"', moment: 'before', nth: 3 },
  { name: 'during the third commit', event: 'commit', matches: '"denied"', moment: 'during', nth: 3 },
  { name: 'after the third commit', event: 'commit', matches: '"denied"', moment: 'after', nth: 3 },
  { name: 'after the last commit', event: 'commit', matches: '"denied"', moment: 'after', nth: COUNT },
  { name: 'before the answer is sent', event: 'answer', matches: '200', moment: 'before' },
];

describe('many decisions under one key outlast a SIGKILL', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startKillable({ env: { LOG_LEVEL: 'warn' } });
  });
  afterAll(() => server.dispose());

  test.each(MOMENTS)('$name', async ({ name: _, ...point }) => {
    const { executionId, approvalIds } = await startRefunds(server.url, COUNT);
    const body = { decisions: approvalIds.map((approvalId) => ({ approvalId, decision: 'deny' })) };
    const headers = { 'idempotency-key': uuidv7() };
    const decideAll = (): Promise<Answer> => ask(server.url, '/approvals/decisions', { body, headers });
    await arm(server, point);
    const cut = decideAll().catch(() => undefined);
    await expectDeath(server);
    expect(await cut).toBeUndefined();
    await server.start();
    const answer = await decideAll();
    const results = answer.json()['results'] as { approvalId: string; status: number }[];
    // None of them is told that it was decided already: it was this very request.
    expect(results.map(({ approvalId, status }) => [approvalId, status])).toEqual(
      approvalIds.map((id) => [id, 200]),
    );
    for (const id of approvalIds) {
      const { history } = (await ask(server.url, `/approvals/${id}`)).json();
      expect((history as { kind: string }[]).map(({ kind }) => kind)).toEqual(['requested', 'denied']);
    }
    expect((await ask(server.url, `/executions/${executionId}/wait`)).json()).toMatchObject({
      status: 'completed',
    });
    expect((await decideAll()).text).toBe(answer.text);
  });
});
