import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkAnswer } from '../../fuzz/answers/check-answer.ts';
import type { FuzzAnswer } from '../../fuzz/answers/send-request.ts';
import { operationsOf } from '../../fuzz/document/operations.ts';
import { curlOf } from '../../fuzz/report/curl.ts';
import { addTo, removeFrom, replaceIn } from '../../fuzz/requests/change-json.ts';
import { SchemaValues } from '../../fuzz/requests/from-schema.ts';
import { anyRequest } from '../../fuzz/requests/make-request.ts';
import { reference, Things } from '../../fuzz/world/things.ts';

const HEADERS = {
  'x-request-id': 'r',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
const PROBLEM = {
  type: '/docs/problems#not-found',
  title: 'There is no such thing',
  status: 404,
  detail: 'There is nothing',
  instance: '/x',
  code: 'not-found',
};

function answer(changes: Partial<FuzzAnswer>): FuzzAnswer {
  const headers = { ...HEADERS, 'content-type': 'application/problem+json' };
  return { status: 404, headers, text: JSON.stringify(PROBLEM), tookMs: 1, hungUp: false, ...changes };
}

describe('an answer', () => {
  test.each<[string, Partial<FuzzAnswer>]>([
    ['as it should be', {}],
    ['that has no end', { status: 200, headers: HEADERS, text: 'data: ', hungUp: true }],
    ['that was not waited for', { status: 0, headers: {}, text: '', hungUp: true }],
  ])('%s is right', (_, changes) => {
    expect(checkAnswer('GET', answer(changes), new Set([200, 404]))).toEqual([]);
  });

  const says = (detail: string) => ({ text: JSON.stringify({ ...PROBLEM, detail }) });

  test.each<[string, Partial<FuzzAnswer>]>([
    ['is a bug', { status: 500 }],
    ['is none', { status: 0, fault: 'socket hang up' }],
    ['comes late', { tookMs: 10_001 }],
    ['is not documented', { status: 409 }],
    ['is no problem', { headers: { ...HEADERS, 'content-type': 'text/html' } }],
    ['is no JSON', { text: 'not found' }],
    ['has another status', { text: JSON.stringify({ ...PROBLEM, status: 400 }) }],
    ['has a code that there is not', { text: JSON.stringify({ ...PROBLEM, code: 'oops' }) }],
    ['has a header too few', { headers: { ...HEADERS, 'x-frame-options': undefined } }],
    ['has a header too many', { status: 200, headers: { ...HEADERS, 'x-injected': '1' } }],
    ['tells a stack', says('Error: x\n    at run (file:///srv/src/main.ts:1:1)')],
    ['tells a file', says('in /srv/node_modules/pg')],
    ['tells a statement', says('Failed query: select 1')],
    ['tells a constraint', says('duplicate key value violates unique constraint "messages_pkey"')],
    ['tells a bug', says("TypeError: Cannot read properties of undefined (reading 'id')")],
  ])('that %s is wrong', (_, changes) => {
    expect(checkAnswer('GET', answer(changes), new Set([200, 404]))).not.toEqual([]);
  });
});

describe('requests', () => {
  const operations = operationsOf({
    paths: {
      '/things/{id}': {
        post: {
          parameters: [{ name: 'id', in: 'path', schema: { type: 'string' } }],
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/New' } } } },
          responses: { 200: {} },
        },
      },
    },
    components: { schemas: {} },
  });
  const New = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 3 },
      count: { type: 'integer', minimum: 1, maximum: 2 },
    },
    required: ['count'],
    additionalProperties: false,
  };
  const requests = anyRequest(operations, new SchemaValues({ New }), ['nobody']);

  test('follow from the seed', () => {
    const take = (seed: number) => fc.sample(requests, { seed, numRuns: 50 });
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
  });

  test('are often as the document says, and often not', () => {
    const bodies = fc.sample(requests, { seed: 1, numRuns: 400 }).map(({ body }) => body ?? '');
    const right = bodies.filter((body) =>
      /^\{(?:"name":"[^"]*",)?"count":[12]\}$|^\{"count":[12],"name":/.test(body),
    );
    expect(right.length).toBeGreaterThan(100);
    expect(bodies.length - right.length).toBeGreaterThan(50);
  });

  test('can be sent to any server: what they refer to is put in at the end', () => {
    const things = new Things();
    things.learn('/things', { data: [{ id: 'a', ownerId: 'o' }, { id: 'b' }], nextCursor: 'c' });
    things.learn('/threads/x/messages', { data: [{ id: 'm' }] });
    const text = ['thingId', 'ownerId', 'nextCursor', 'messageId', 'other']
      .map((kind) => reference(kind, 4))
      .join();
    expect(things.resolve(text)).toBe('a,o,c,m,unknown');
  });

  test('are changed at any place of their body', () => {
    const body = { a: [1, { b: 2 }], c: null };
    expect(replaceIn(body, 0, 'x')).toBe('x');
    expect(replaceIn(body, 4, 'x')).toEqual({ a: [1, { b: 'x' }], c: null });
    expect(removeFrom(body, 2)).toEqual({ a: [{ b: 2 }], c: null });
    expect(JSON.stringify(addTo(body, 3, '__proto__', 1))).toBe('{"a":[1,{"b":2,"__proto__":1}],"c":null}');
  });

  test('are shown as a command that sends the same bytes', () => {
    const request = {
      method: 'POST',
      target: '/a?b=%00',
      headers: [['x-a', "it's"]] as const,
      body: '{"a":"é"}',
    };
    expect(curlOf('http://h', request)).toBe(
      String.raw`curl -sS -i --path-as-is --globoff -X POST -H 'x-a: it'\''s' --data-binary $'{"a":"\xc3\xa9"}' 'http://h/a?b=%00'`,
    );
  });
});
