import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { createOutlastClient, METHODS, STREAMS } from '../../packages/client/src/client.ts';
import { OPERATIONS } from '../../packages/client/src/generated.ts';
import { OutlastProblem } from '../../packages/client/src/index.ts';
import { allRoutes } from '../../src/http/all-routes.ts';

const routes = allRoutes({ version: { version: '', node: '', applicationVersion: '' } });

interface Sent {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: unknown;
}

/** A client whose requests are kept, and answered with this. */
function recorded(answer: () => Response = () => Response.json({ ok: true })) {
  const sent: Sent[] = [];
  const client = createOutlastClient({
    baseUrl: 'http://outlast.test/base/',
    headers: async () => ({ authorization: `Bearer ${sent.length}` }),
    fetch: (async (url: string, { method, headers, body }: Sent) => {
      sent.push({ method, url, headers, body });
      return answer();
    }) as unknown as typeof fetch,
  });
  return { client, sent };
}

describe('the operations of the client', () => {
  test('are those of the server, with its types', async () => {
    const script = ['--conditions=outlast-source', 'scripts/generate-client-types.ts', '--check'];
    await expect(promisify(execFile)(process.execPath, script)).resolves.toMatchObject({ stderr: '' });
    expect(Object.keys(OPERATIONS).sort()).toEqual(routes.map(({ operationId }) => operationId).sort());
  }, 60_000);

  test('are all reached, each once', () => {
    const reached = [
      ...Object.values(METHODS).flatMap((verbs) => Object.values(verbs)),
      ...Object.values(STREAMS),
    ];
    expect(reached.sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  test('send what the operation says', async () => {
    const { client, sent } = recorded();
    for (const [noun, verbs] of Object.entries(METHODS)) {
      for (const [verb, id] of Object.entries(verbs)) {
        const [method, template] = OPERATIONS[id];
        const params = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => `a ${name}`);
        const methods = (
          client as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>
        )[noun];
        await methods?.[verb]?.(...params);
        const path = template.replace(/\{(\w+)\}/g, (_, name) => `a%20${name}`);
        expect(sent.at(-1)).toMatchObject({ method, url: `http://outlast.test/base${path}` });
      }
    }
  });

  test('take parameters, then body or query, then options', async () => {
    const { client, sent } = recorded();
    await client.executions.decide('e', 'call', { approved: true }, { idempotencyKey: 'once' });
    await client.executions.list({ status: ['queued', 'running'], metadata: { team: 'a b' }, limit: 2 });
    await client.threads.messages('t', { omitActive: true });
    await client.executions.get('e', { headers: { 'x-extra': '1' } });
    expect(
      sent.map(({ method, url, body }) => [method, url.replace('http://outlast.test/base', ''), body]),
    ).toEqual([
      ['POST', '/executions/e/approvals/call', '{"approved":true}'],
      ['GET', '/executions?status=queued&status=running&metadata.team=a+b&limit=2', undefined],
      ['GET', '/threads/t/messages?omitActive=true', undefined],
      ['GET', '/executions/e', undefined],
    ]);
    expect(sent[0]?.headers).toMatchObject({
      'idempotency-key': 'once',
      'content-type': 'application/json',
      authorization: 'Bearer 0',
    });
    expect(sent[3]?.headers).toMatchObject({ 'x-extra': '1', authorization: 'Bearer 3' });
  });

  test('say who is asking, by a token that may change', async () => {
    const shown: (string | undefined)[] = [];
    const send = (async (_: string, { headers }: { headers: Record<string, string> }) => {
      shown.push(headers['authorization']);
      return Response.json({ ok: true });
    }) as unknown as typeof fetch;
    const options = { baseUrl: 'http://outlast.test', fetch: send };
    const changing = createOutlastClient({ ...options, token: async () => `ot_${shown.length}` });
    await changing.threads.get('t');
    await changing.threads.createToken('t', { scope: 'read', ttlSeconds: 60 });
    await createOutlastClient({ ...options, token: 'ot_x' }).executions.createToken('e', { scope: 'read' });
    await createOutlastClient(options).threads.get('t');
    expect(shown).toEqual(['Bearer ot_0', 'Bearer ot_1', 'Bearer ot_x', undefined]);
  });

  test('throw what the server says is wrong', async () => {
    const errors = [{ pointer: '/input', message: 'must not be empty' }];
    const body = {
      code: 'validation-failed',
      title: 'Validation failed',
      detail: 'One field',
      status: 422,
      errors,
    };
    const headers = { 'content-type': 'application/problem+json', 'x-request-id': 'r', 'retry-after': '3' };
    const { client } = recorded(() => new Response(JSON.stringify(body), { status: 422, headers }));
    const failure = await client.executions.start({ input: '' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OutlastProblem);
    expect(failure).toMatchObject({
      code: 'validation-failed',
      status: 422,
      message: 'One field',
      errors,
      requestId: 'r',
      retryAfterMs: 3000,
    });
  });

  test('throw a problem, too, when something else than the server answers', async () => {
    const { client } = recorded(() => new Response('<h1>Bad gateway</h1>', { status: 502 }));
    await expect(client.agents.list()).rejects.toMatchObject({ code: 'unknown', status: 502, body: {} });
  });

  test('need to know where the server is', async () => {
    await expect(createOutlastClient({ baseUrl: '/api' }).agents.list()).rejects.toThrow('absolute');
  });
});
