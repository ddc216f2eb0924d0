import { APICallError } from '@ai-sdk/provider';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ModelUnavailable } from '../../src/agents/model-registry.ts';
import { backOffMs, brokenStream, modelCallFailed } from '../../src/turns/model-failure.ts';

const SECRET = 'Incorrect API key provided: sk-secret';

function answered(
  statusCode: number | undefined,
  responseHeaders: Record<string, string> = {},
): APICallError {
  const isRetryable = statusCode === undefined || statusCode === 429 || statusCode >= 500;
  return new APICallError({
    message: SECRET,
    url: 'http://model.test',
    requestBodyValues: { messages: [SECRET] },
    statusCode,
    responseHeaders,
    isRetryable,
  });
}

describe('what a failed model call says', () => {
  test.each([
    [429, 'model-rate-limited', true],
    [500, 'model-error', true],
    [503, 'model-error', true],
    [400, 'model-error', false],
    [401, 'model-error', false],
    [200, 'model-error', true],
  ])('an answer %i is %s, and trying again can help: %s', (status, code, retryable) => {
    expect(modelCallFailed(answered(status)).failure).toMatchObject({ code, retryable });
  });

  test.each([answered(401), answered(200), answered(undefined), new TypeError(SECRET), SECRET, undefined])(
    'never quotes the provider (%#)',
    (error) => {
      const { failure, message } = modelCallFailed(error);
      expect(JSON.stringify([failure, message])).not.toContain('sk-secret');
    },
  );

  test('the answer of the provider is found under what wraps it', () => {
    const wrapped = new Error('no output', { cause: new Error('retried', { cause: answered(401) }) });
    expect(modelCallFailed(wrapped).failure).toMatchObject({
      retryable: false,
      detail: expect.stringContaining('401'),
    });
  });

  test('a model that is not configured is not asked for again', () => {
    const { failure } = modelCallFailed(new ModelUnavailable('Model "x:y" needs X to be set'));
    expect(failure).toMatchObject({
      code: 'model-error',
      retryable: false,
      detail: 'Model "x:y" needs X to be set',
    });
  });

  test('a failure stays what it is', () => {
    const failure = brokenStream('The stream ended');
    expect(modelCallFailed(failure)).toBe(failure);
  });
});

describe('the wait before the next try', () => {
  beforeEach(() => void jest.useFakeTimers({ now: new Date('2030-01-01T00:00:00Z') }));
  afterEach(() => void jest.useRealTimers());

  test.each([
    ['seconds', { 'retry-after': '3' }, 3000],
    ['a part of a second', { 'retry-after': '0.5' }, 500],
    ['none', { 'retry-after': '0' }, 0],
    ['milliseconds, which are more exact', { 'retry-after': '3', 'retry-after-ms': '1200' }, 1200],
    ['a date', { 'retry-after': 'Tue, 01 Jan 2030 00:00:07 GMT' }, 7000],
    ['an hour, which is too long to follow', { 'retry-after': '3600' }, 60_000],
  ])('is what the provider asks for: %s', (_, headers, ms) => {
    expect(backOffMs(modelCallFailed(answered(429, headers)).failure, 1)).toBe(ms);
  });

  test.each([
    ['nothing', {}],
    ['no number', { 'retry-after': 'soon' }],
    ['an empty header', { 'retry-after': '', 'retry-after-ms': '' }],
    ['less than nothing', { 'retry-after': '-5' }],
    ['a date that has passed', { 'retry-after': 'Mon, 31 Dec 2029 23:00:00 GMT' }],
  ])('doubles from try to try when the provider says %s', (_, headers) => {
    const { failure } = modelCallFailed(answered(503, headers));
    expect([1, 2, 3, 4].map((tries) => backOffMs(failure, tries))).toEqual([500, 1000, 2000, 4000]);
    expect(backOffMs(failure, 40)).toBe(30_000);
  });
});
