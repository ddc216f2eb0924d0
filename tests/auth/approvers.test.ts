import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ask } from '../http/client.ts';
import { insertApproval } from '../support/inbox.ts';
import { asUser } from './tokens.ts';
import { type AuthWorld, startAuthWorld } from './world.ts';

let world: AuthWorld;
let url: string;
let approvalId: string;

beforeAll(async () => {
  world = await startAuthWorld();
  url = world.server.url;
  approvalId = await insertApproval(world.db, {
    tenantId: 'acme',
    ownerId: 'ann',
    approvers: ['carol', 'role:finance'],
  });
});
afterAll(() => world.dispose());

const NAMED = {
  'the user who is named': asUser({ sub: 'carol' }),
  'a user of the role': asUser({ sub: 'dave', roles: ['sales', 'finance'] }),
};
const STRANGERS = {
  'another user': asUser({ sub: 'bob' }),
  'a user of another role': asUser({ sub: 'bob', roles: ['sales'] }),
  'a user who is called like the role': asUser({ sub: 'finance' }),
  'a user whose role is called like who is named': asUser({ sub: 'bob', roles: ['carol'] }),
  'a user whose role has the name of the name of the role': asUser({ sub: 'bob', roles: ['role:finance'] }),
  'a user of the role in another tenant': asUser({ sub: 'dave', roles: ['finance'], org: 'globex' }),
};

async function seesInList(headers: Record<string, string>): Promise<boolean> {
  const { data } = (await ask(url, '/approvals', { headers })).json();
  return data.some(({ id }) => id === approvalId);
}

function decide(headers: Record<string, string>) {
  return ask(url, `/approvals/${approvalId}/decision`, { headers, body: { decision: 'deny' } });
}

test.each(Object.entries(STRANGERS))('%s does not even see it', async (_, headers) => {
  expect(await seesInList(headers)).toBe(false);
  expect((await ask(url, `/approvals/${approvalId}`, { headers })).status).toBe(404);
  expect((await decide(headers)).status).toBe(404);
});

test('the owner, and a key that sees the tenant, see it and may not decide it', async () => {
  const { headers: key } = await world.makeKey();
  for (const headers of [asUser(), key]) {
    expect((await ask(url, `/approvals/${approvalId}`, { headers })).status).toBe(200);
    expect((await decide(headers)).json()).toMatchObject({ status: 403, code: 'may-not-decide' });
  }
});

test.each(Object.entries(NAMED))('%s has it in the list', async (_, headers) => {
  expect(await seesInList(headers)).toBe(true);
  expect((await ask(url, `/approvals/${approvalId}`, { headers })).status).toBe(200);
});

test('who has the role decides, in their own name', async () => {
  const assigned = await ask(url, `/approvals/${approvalId}/assign`, {
    headers: NAMED['a user of the role'],
    body: { assignee: 'dave' },
  });
  expect(assigned.json()).toMatchObject({ assignee: 'dave' });
  const { json } = await ask(url, `/approvals/${approvalId}`, { headers: NAMED['a user of the role'] });
  expect(json()).toMatchObject({ history: [{ kind: 'requested' }, { kind: 'assigned', by: 'dave' }] });
});
