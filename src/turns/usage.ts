import type { LanguageModelUsage } from 'ai';

/** Tokens of one model call, or summed over an execution. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cachedInputTokens: number;
  reasoningTokens: number;
}

export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  cachedInputTokens: 0,
  reasoningTokens: 0,
});

/** What the provider reported; where it says only one number, that one counts and the rest is 0. */
export function toUsage(reported: LanguageModelUsage): Usage {
  const inputTokens = reported.inputTokens ?? 0;
  const outputTokens = reported.outputTokens ?? 0;
  return {
    inputTokens,
    outputTokens,
    totalTokens: reported.totalTokens ?? inputTokens + outputTokens,
    cachedInputTokens: reported.inputTokenDetails?.cacheReadTokens ?? 0,
    reasoningTokens: reported.outputTokenDetails?.reasoningTokens ?? 0,
  };
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  };
}
