import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeApp, SHOP, visit } from '../apps/world.ts';
import { AUTH_ENV, asUser } from '../auth/tokens.ts';
import { type AuthWorld, startAs, startAuthWorld } from '../auth/world.ts';
import { ask } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { openRawSocket } from './raw-socket.ts';

const LIMIT = 20;
const ORIGIN = 'https://app.example.com';
const ENV = {
  OUTLAST_RATE_LIMIT: String(LIMIT),
  OUTLAST_RATE_LIMIT_ADDRESS: '5',
  // So that a request is free again after half a second, and a guess after two.
  OUTLAST_RATE_WINDOW_SECONDS: '10',
  OUTLAST_MAX_STREAMS: '2',
  OUTLAST_TRUST_PROXY: '1',
  OUTLAST_ALLOWED_ORIGINS: ORIGIN,
};

describe('two processes', () => {
  let world: AuthWorld;
  let second: TestServer;
  let urls: [string, string];
  let addresses = 0;

  beforeAll(async () => {
    world = await startAuthWorld(ENV);
    const { databaseUrl } = world.server;
    second = await startServer({ databaseUrl, env: { ...AUTH_ENV, ...ENV, OUTLAST_ROLE: 'api' } });
    urls = [world.server.url, second.url];
  });
  afterAll(async () => {
    await second.dispose();
    await world.dispose();
  });

  const get = (url: string, headers: Record<string, string>, path = '/threads') =>
    ask(url, path, { headers });

  async function statuses(url: string, headers: Record<string, string>, n: number): Promise<number[]> {
    return Promise.all(Array.from({ length: n }, async () => (await get(url, headers)).status));
  }

  const count = (all: readonly number[], status: number) => all.filter((each) => each === status).length;

  /** Each test comes from somewhere else. */
  function from(address = `203.0.113.${(addresses += 1)}`): { 'x-forwarded-for': string } {
    return { 'x-forwarded-for': address };
  }

  test('share the limit of a key, say when there is room again, and then there is', async () => {
    const { headers } = await world.makeKey();
    const first = await statuses(urls[0], headers, LIMIT + 10);
    expect([count(first, 200) >= LIMIT, count(first, 429) > 0]).toEqual([true, true]);
    // What came through here is known there once its first request has asked for it.
    let passed = 0;
    const refused = await waitFor(
      async () => {
        const answer = await get(urls[1], headers);
        if (answer.status === 200) passed += 1;
        return answer.status === 429 ? answer : undefined;
      },
      { describe: 'the other process to know' },
    );
    expect(passed).toBeLessThan(LIMIT);
    expect(refused.json()).toMatchObject({ code: 'rate-limited', instance: '/threads' });
    const retryAfter = String(refused.headers['retry-after']);
    expect(retryAfter).toMatch(/^[1-9]\d*$/);
    const until = performance.now() + Number(retryAfter) * 1000;
    await waitFor(() => performance.now() >= until, { describe: 'Retry-After' });
    expect((await get(urls[1], headers)).status).toBe(200);
  });

  test('limit one, and nobody else', async () => {
    const [greedy, modest] = [await world.makeKey(), await world.makeKey()];
    expect(count(await statuses(urls[0], greedy.headers, LIMIT + 10), 429)).toBeGreaterThan(0);
    expect((await get(urls[0], modest.headers)).status).toBe(200);
    expect((await get(urls[0], asUser({ sub: 'zoe' }))).status).toBe(200);
    expect((await get(urls[0], asUser({ sub: 'zoe', org: 'globex' }))).status).toBe(200);
  });

  test('count what a user gives away for the user', async () => {
    const user = asUser({ sub: 'tom' });
    await ask(urls[0], '/threads', { headers: user, body: { id: 'toms' } });
    const made = await ask(urls[0], '/threads/toms/tokens', { headers: user, body: { scope: 'read' } });
    const token = { authorization: `Bearer ${String(made.json()['token'])}` };
    expect((await get(urls[0], token, '/threads/toms')).status).toBe(200);
    expect(count(await statuses(urls[0], user, LIMIT + 10), 429)).toBeGreaterThan(0);
    expect((await get(urls[0], token, '/threads/toms')).status).toBe(429);
  });

  test('give a visitor of a public page as much as an address, and limit who asks for challenges', async () => {
    const appId = await makeApp(world.db);
    const visitor = { ...(await visit(urls[0], appId)).headers, ...from() };
    expect(count(await statuses(urls[0], visitor, 15), 429)).toBeGreaterThan(0);
    const asked = { ...from(), origin: SHOP };
    const challenges = await Promise.all(
      Array.from({ length: 15 }, () => get(urls[0], asked, `/apps/${appId}/challenge`)),
    );
    const all = challenges.map(({ status }) => status);
    expect([count(all, 200) >= 5, count(all, 429) > 0]).toEqual([true, true]);
    expect((await get(urls[0], { ...from(), origin: SHOP }, `/apps/${appId}/challenge`)).status).toBe(200);
  });

  test('count what is refused for nothing: who goes on asking gets what the rate allows', async () => {
    const { headers } = await world.makeKey();
    await statuses(urls[0], headers, LIMIT + 50);
    await waitFor(async () => (await get(urls[0], headers)).status === 200, { describe: 'room' });
  });

  test('never limit probes, metrics and documentation', async () => {
    const { headers } = await world.makeKey();
    await statuses(urls[0], headers, LIMIT + 10);
    for (const path of ['/healthz', '/readyz', '/version', '/openapi.json', '/metrics']) {
      expect([path, (await get(urls[0], headers, path)).status]).toEqual([path, 200]);
    }
    const metrics = await get(urls[0], headers, '/metrics');
    expect(metrics.text).toMatch(/outlast_http_limited_total\{limit="principal"\} [1-9]/);
  });

  test('answer guesses of an address with 429 after some, and let good keys from there in', async () => {
    const { headers: good } = await world.makeKey();
    const guess = (i: number) => ({
      'x-api-key': `ok_live_${String(i).padStart(12, '0')}_${'A'.repeat(43)}`,
    });
    const here = from();
    const guesses = await Promise.all(
      Array.from({ length: 15 }, async (_, i) => (await get(urls[0], { ...here, ...guess(i) })).status),
    );
    expect([count(guesses, 401) >= 5, count(guesses, 429) > 0]).toEqual([true, true]);
    expect(count(guesses, 401) + count(guesses, 429)).toBe(15);
    expect((await get(urls[0], { ...here, ...good })).status).toBe(200);
    expect((await get(urls[0], { ...here, ...asUser({ sub: 'yan' }) })).status).toBe(200);
    expect((await get(urls[0], { ...from(), ...guess(1) })).status).toBe(401);
    expect((await get(urls[0], { ...here, ...guess(1), origin: ORIGIN })).status).toBe(401);
    await waitFor(async () => (await get(urls[0], { ...here, ...guess(1) })).status === 401, {
      describe: 'room for another guess',
    });
  });

  test('take all addresses of an IPv6 network, and all origins that are not known, for one', async () => {
    const network = `2001:db8:0:${(addresses += 1)}`;
    const all: number[] = [];
    for (let i = 0; i < 15; i++) {
      const headers = { ...from(`${network}::${i}`), origin: `https://${i}.example.org` };
      all.push((await get(urls[0], headers)).status);
    }
    expect(count(all, 429)).toBeGreaterThan(0);
    expect((await get(urls[0], from(`2001:db8:1::1`))).status).toBe(401);
  });

  test('believe the proxy before them, and not who stands before that', async () => {
    const proxied = from()['x-forwarded-for'];
    const all: number[] = [];
    for (let i = 0; i < 15; i++) all.push((await get(urls[0], from(`198.51.100.${i}, ${proxied}`))).status);
    expect(count(all, 429)).toBeGreaterThan(0);
  });

  test('limit the streams that somebody has open, before anything is done', async () => {
    const { headers } = await world.makeKey();
    const { id } = await startAs(urls[0], headers, { input: 'hang' });
    const path = `/executions/${id}/stream`;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const open = async () => {
      const raw = await openRawSocket(urls[0]);
      raw.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}\r\n`);
      await waitFor(() => raw.received().includes('text/event-stream'), { describe: 'the stream' });
      return raw;
    };
    const streams = [await open(), await open()];
    const third = await get(urls[0], headers, path);
    expect(third.json()).toMatchObject({ status: 429, code: 'too-many-streams' });
    expect(third.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect((await ask(urls[0], path, { headers, method: 'HEAD' })).status).toBe(200);
    const body = { input: 'say x', agentId: 'assistant', threadId: 'streams' };
    const streamed = await ask(urls[0], '/executions', {
      headers: { ...headers, accept: 'text/event-stream' },
      body,
    });
    expect(streamed.status).toBe(429);
    expect((await get(urls[0], headers, '/threads/streams')).status).toBe(404);
    expect((await ask(urls[0], '/executions', { headers, body })).status).toBe(202);
    streams[0]?.socket.destroy();
    const again = await waitFor(() => open().catch(() => undefined), { describe: 'a place' });
    for (const raw of [...streams, again]) raw.socket.destroy();
    await ask(urls[0], `/executions/${id}/cancel`, { headers, method: 'POST' });
  });
});
