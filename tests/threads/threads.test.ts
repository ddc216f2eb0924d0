import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer, ask } from '../http/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.dispose());

const make = (body: object, headers = {}): Promise<Answer> => ask(server.url, '/threads', { body, headers });
const patch = (id: string, body: unknown): Promise<Answer> =>
  ask(server.url, `/threads/${id}`, { method: 'PATCH', body });
const get = async (id: string) => (await ask(server.url, `/threads/${id}`)).json();

describe('making a thread', () => {
  test('gives it, idle and empty', async () => {
    const answer = await make({ id: 't', title: 'Orders', agentId: 'operator', metadata: { a: 1 } });
    expect([answer.status, answer.headers['location']]).toEqual([201, '/threads/t']);
    expect(answer.json()).toMatchObject({
      id: 't',
      title: 'Orders',
      agentId: 'operator',
      metadata: { a: 1 },
      status: 'idle',
      lastMessagePreview: null,
    });
    expect(await get('t')).toEqual(answer.json());
    const { execution } = (await ask(server.url, '/threads/t/messages', { body: { text: 'say hi' } })).json();
    expect(execution).toMatchObject({ agentId: 'operator' });
  });

  test('makes up an id', async () => {
    const { id } = (await make({})).json();
    expect(await get(String(id))).toMatchObject({ id, title: null, agentId: null });
  });

  test('with an id that is there already is refused, also at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => make({ id: 'one' })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array(9).fill(409),
    ]);
    expect((await make({ id: 'one' })).json()).toMatchObject({ status: 409, code: 'thread-exists' });
  });

  test('is done once for a key', async () => {
    const headers = { 'idempotency-key': 'make' };
    const [first, second] = [await make({}, headers), await make({}, headers)];
    expect(second.text).toBe(first.text);
    expect(second.headers).toMatchObject({
      'idempotency-replayed': 'true',
      location: first.headers['location'],
    });
  });

  test.each([
    [{ id: '/x' }, 422],
    [{ id: 'a'.repeat(129) }, 422],
    [{ title: '' }, 422],
    [{ title: 'x\u0000' }, 422],
    [{ title: 'x'.repeat(257) }, 422],
    [{ metadata: [] }, 422],
    [{ metadata: { a: '\ud800' } }, 422],
    [{ owner: 'me' }, 422],
    [{ agentId: 'nobody' }, 404],
  ])('refuses %j', async (body, status) => {
    expect((await make(body)).status).toBe(status);
  });
});

describe('changing a thread', () => {
  test('changes what is named and keeps the rest', async () => {
    await make({ id: 'p', title: 'Old', metadata: { keep: 1, drop: 2, deep: { a: 1, b: 2 } } });
    const before = await get('p');
    const answer = await patch('p', { metadata: { drop: null, deep: { b: null, c: 3 } } });
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ title: 'Old', metadata: { keep: 1, deep: { a: 1, c: 3 } } });
    expect(String(answer.json()['updatedAt']) >= String(before['updatedAt'])).toBe(true);
    expect((await patch('p', { title: null })).json()).toMatchObject({ title: null, metadata: { keep: 1 } });
    expect((await patch('p', {})).json()['metadata']).toEqual({ keep: 1, deep: { a: 1, c: 3 } });
  });

  test('loses none of many changes at once', async () => {
    await make({ id: 'many' });
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => patch('many', { metadata: { [key]: true } })));
    expect(Object.keys((await get('many'))['metadata'] as object).toSorted()).toEqual(keys.toSorted());
  });

  test('is refused where the result could not be kept, and changes nothing then', async () => {
    await make({ id: 'full', metadata: { a: 'x'.repeat(10_000) } });
    const tooMuch = await patch('full', { title: 'New', metadata: { b: 'x'.repeat(10_000) } });
    expect(tooMuch.json()).toMatchObject({ status: 422, code: 'validation-failed' });
    expect(await get('full')).toMatchObject({ title: null, metadata: { a: expect.any(String) } });
    expect(Object.keys((await get('full'))['metadata'] as object)).toEqual(['a']);
  });

  test.each([
    [{ title: 'a\u0000b' }],
    [{ title: 7 }],
    [{ metadata: null }],
    [{ metadata: [1] }],
    [{ metadata: { 'a\u0000': 1 } }],
    [{ id: 'other' }],
  ])('refuses %j', async (body) => {
    expect((await patch('p', body)).json()).toMatchObject({ status: 422, code: 'validation-failed' });
  });

  test('that is not there is a 404', async () => {
    expect((await patch('nowhere', { title: 'x' })).json()).toMatchObject({ status: 404, code: 'not-found' });
  });
});
