import { expect, test } from '@jest/globals';
import { addUsage, NO_USAGE, toUsage } from '../../src/turns/usage.ts';

type Reported = Parameters<typeof toUsage>[0];

const details = {
  inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: undefined, cacheWriteTokens: undefined },
  outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
};
const silent: Reported = {
  inputTokens: undefined,
  outputTokens: undefined,
  totalTokens: undefined,
  ...details,
};

test('a provider that reports nothing counts as 0', () => {
  expect(toUsage(silent)).toEqual(NO_USAGE);
});

test('what is not reported as a sum is summed', () => {
  expect(toUsage({ ...silent, inputTokens: 3, outputTokens: 4 }).totalTokens).toBe(7);
  expect(toUsage({ ...silent, inputTokens: 3, outputTokens: 4, totalTokens: 9 }).totalTokens).toBe(9);
});

test('cached and reasoning tokens are kept', () => {
  const usage = toUsage({
    ...silent,
    inputTokens: 10,
    outputTokens: 5,
    inputTokenDetails: { ...details.inputTokenDetails, cacheReadTokens: 8 },
    outputTokenDetails: { ...details.outputTokenDetails, reasoningTokens: 2 },
  });
  expect(usage).toEqual({
    inputTokens: 10,
    outputTokens: 5,
    totalTokens: 15,
    cachedInputTokens: 8,
    reasoningTokens: 2,
  });
});

test('the turns of an execution add up', () => {
  const one = { inputTokens: 1, outputTokens: 2, totalTokens: 3, cachedInputTokens: 4, reasoningTokens: 5 };
  expect(addUsage(addUsage(NO_USAGE, one), one)).toEqual({
    inputTokens: 2,
    outputTokens: 4,
    totalTokens: 6,
    cachedInputTokens: 8,
    reasoningTokens: 10,
  });
});
