import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  cutting,
  endingSilently,
  failure,
  hanging,
  hangingAfter,
  page,
  type Reply,
  says,
  status,
  whole,
} from '../support/fake-openai.ts';
import { type Answered, API_KEY, type ModelServer, startModelServer } from './model-server.ts';

let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer();
});

afterAll(() => model.dispose());

const answer = whole(says('All is well'));

function failures({ record }: Answered) {
  return record.turns.flatMap((turn) => turn.failures);
}

/** What the provider said, and the key, are for nobody: not in the error, the log, the message or on stderr. */
function expectNothingQuoted({ record }: Answered): void {
  const told = `${JSON.stringify(record)}${model.server.log()}`;
  expect(told).not.toContain(API_KEY);
  expect(told).not.toContain('Refused');
  expect(told).not.toContain('Overloaded');
}

describe('a call that may succeed later is made again', () => {
  const cases: [string, Reply, string][] = [
    ['429 with retry-after-ms', status(429, { 'retry-after-ms': '20' }, API_KEY), 'model-rate-limited'],
    [
      '429 with retry-after in seconds',
      status(429, { 'retry-after': '0.03' }, API_KEY),
      'model-rate-limited',
    ],
    ['500', status(500, {}, API_KEY), 'model-error'],
    ['503', status(503, { 'retry-after-ms': '5' }, API_KEY), 'model-error'],
    ['a connection that is cut before the first word', cutting(), 'model-error'],
    ['a connection that is cut in mid-sentence', cutting(says('All is'), says(' lost')), 'model-error'],
    ['a stream that just ends', endingSilently(says('All is')), 'model-error'],
    ['a stream with nothing in it', endingSilently(), 'model-error'],
    ['an error in mid-stream', endingSilently(says('All is'), failure(API_KEY)), 'model-error'],
    ['an error before the first word', endingSilently(failure(API_KEY)), 'model-error'],
    ['an event that is no JSON', whole(says('All'), { raw: 'data: {"choices":[{\n\n' }), 'model-error'],
    ['an event of another shape', whole(says('All'), { raw: 'data: {"choices":7}\n\n' }), 'model-error'],
    ['a page instead of a stream', page('text/html', '<h1>It works</h1>'), 'model-error'],
    ['an empty page', page('text/html', ''), 'model-error'],
  ];

  test.each(cases)('%s', async (_, reply, code) => {
    const answered = await model.run('plain', [reply, answer]);
    expect(answered.record.status).toBe('completed');
    expect(answered.text).toBe('All is well');
    expect(answered.requests).toHaveLength(2);
    expect(failures(answered)).toMatchObject([{ code }]);
    expect(answered.types.filter((type) => type === 'reset-step')).toHaveLength(1);
    expectNothingQuoted(answered);
  });

  test.each<[string, Reply]>([
    ['before its headers', hanging],
    ['after its headers', hangingAfter()],
    ['in mid-sentence', hangingAfter(says('All is'))],
  ])('a server that hangs %s', async (_, reply) => {
    const answered = await model.run('impatient', [reply, answer]);
    expect(answered.record.status).toBe('completed');
    expect(answered.text).toBe('All is well');
    expect(failures(answered)).toMatchObject([{ detail: 'The model said nothing for too long' }]);
  });

  test('when the provider wants it', async () => {
    const answered = await model.run('plain', [status(429, { 'retry-after-ms': '70' }), answer]);
    expect(failures(answered)).toMatchObject([{ retryInMs: 70 }]);
  });
});

describe('a call that fails again and again ends the execution', () => {
  test.each<[string, Reply, string]>([
    ['429', status(429, { 'retry-after-ms': '5' }, API_KEY), 'model-rate-limited'],
    ['503', status(503, { 'retry-after-ms': '5' }, API_KEY), 'model-error'],
    ['a cut in mid-sentence', cutting(says('All is')), 'model-error'],
  ])('with its own code: %s', async (_, reply, code) => {
    const answered = await model.run('plain', [reply]);
    expect(answered.record).toMatchObject({ status: 'failed', errorCode: code });
    expect(answered.requests).toHaveLength(3);
    expect(failures(answered)).toHaveLength(3);
    expect(failures(answered).at(-1)).toMatchObject({ retryInMs: null });
    expectNothingQuoted(answered);
  });
});

describe('a call that cannot succeed is not made again', () => {
  test.each([400, 401, 403, 404, 422])('%i', async (code) => {
    const answered = await model.run('plain', [status(code, {}, API_KEY)]);
    expect(answered.record).toMatchObject({
      status: 'failed',
      errorCode: 'model-error',
      errorDetail: `The model provider answered ${code}`,
    });
    expect(answered.requests).toHaveLength(1);
    expect(answered.types).toEqual(['start', 'start-step', 'finish-step', 'error']);
    expectNothingQuoted(answered);
  });

  test('a question after it is answered', async () => {
    await model.run('plain', [status(400)], 'refused');
    const answered = await model.run('plain', [answer], 'refused');
    expect(answered.record.status).toBe('completed');
  });
});
