import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { revokeApiKey } from '../../src/auth/revoke-api-key.ts';
import { waitFor } from '../support/wait-for.ts';
import { asUser, nowSeconds } from './tokens.ts';
import { type AuthWorld, startAs, startAuthWorld } from './world.ts';

let world: AuthWorld;
let executionId: string;

beforeAll(async () => {
  world = await startAuthWorld();
  const { id } = await startAs(world.server.url, asUser(), { input: 'hang', threadId: 'open' });
  executionId = id;
});
afterAll(() => world.dispose());

const paths = () => [
  `/executions/${executionId}/stream`,
  '/threads/open/stream',
  '/approvals/stream',
  '/api/chat/open/stream',
  `/executions/${executionId}/wait?timeoutMs=60000`,
];

interface Open {
  path: string;
  /** `cut` is what a client must see: a clean end would look like success. */
  state: 'open' | 'cut' | 'ended';
}

/** Opens every kind of answer that has no end yet. */
async function openAll(headers: Record<string, string>): Promise<Open[]> {
  return Promise.all(paths().map((path) => open(path, headers)));
}

async function open(path: string, headers: Record<string, string>): Promise<Open> {
  const opened: Open = { path, state: 'open' };
  const sent = get(`${world.server.url}${path}`, { agent: false, headers });
  const cut = () => {
    if (opened.state === 'open') opened.state = 'cut';
  };
  // A long poll has no answer yet.
  if (path.includes('/wait')) {
    sent.on('error', cut).on('response', () => {
      opened.state = 'ended';
    });
    return opened;
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  expect([path, response.statusCode]).toEqual([path, 200]);
  sent.on('error', cut);
  response
    .on('error', cut)
    .on('close', cut)
    .on('end', () => {
      opened.state = 'ended';
    })
    .resume();
  return opened;
}

const states = (all: readonly Open[]) => [...new Set(all.map(({ state }) => state))];

async function seeThemCut(all: readonly Open[]): Promise<void> {
  await waitFor(async () => !states(all).includes('open') || undefined, {
    describe: 'the streams to be cut',
    deadlineMs: 5000,
  });
  expect(all).toEqual(paths().map((path) => ({ path, state: 'cut' })));
}

test('what is open is cut within five seconds when its key is revoked, and nothing else is', async () => {
  const [revoked, other] = [await world.makeKey(), await world.makeKey()];
  const theirs = await openAll(revoked.headers);
  const others = [...(await openAll(other.headers)), ...(await openAll(asUser()))];
  await revokeApiKey(world.db.orm, revoked.id);
  await seeThemCut(theirs);
  expect(states(others)).toEqual(['open']);
});

test('what is open is cut when its key expires', async () => {
  const { headers } = await world.makeKey({ expiresAt: new Date(Date.now() + 3000) });
  const all = await openAll(headers);
  expect(states(all)).toEqual(['open']);
  await waitFor(async () => !states(all).includes('open') || undefined, {
    describe: 'the streams to be cut',
    deadlineMs: 8000,
  });
  expect(states(all)).toEqual(['cut']);
});

test('what is open is cut when its token ends, whatever clocks may differ by', async () => {
  const all = await openAll(asUser({ exp: nowSeconds() + 2 }));
  expect(states(all)).toEqual(['open']);
  await waitFor(async () => !states(all).includes('open') || undefined, {
    describe: 'the streams to be cut',
    deadlineMs: 7000,
  });
  expect(states(all)).toEqual(['cut']);
});

test('streams outlive a database that is away, and are cut once it can be asked again', async () => {
  const { id, headers } = await world.makeKey();
  const all = await openAll(headers);
  const admin = new pg.Client({ connectionString: world.server.databaseUrl });
  await admin.connect();
  await admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await admin.end();
  expect(states(all)).toEqual(['open']);
  await waitFor(async () => revokeApiKey(world.db.orm, id).catch(() => undefined), {
    describe: 'the key to be revoked',
  });
  await seeThemCut(all);
});
