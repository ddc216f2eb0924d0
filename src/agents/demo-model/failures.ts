import { APICallError } from '@ai-sdk/provider';
import type { Directive, Failure, Turn } from './parse-script.ts';

type FailDirective = Extract<Directive, { kind: 'fail' }>;

/** How many histories are remembered, so that a demo that runs for months does not grow. */
const remembered = 10_000;

/** Counts how often this process was asked with each history. */
export function createAskCounter(): (fingerprint: string) => number {
  const asked = new Map<string, number>();
  return (fingerprint) => {
    const times = (asked.get(fingerprint) ?? 0) + 1;
    // Deleted first: a map keeps the order of insertion, and the first key is then the one unused for longest.
    asked.delete(fingerprint);
    asked.set(fingerprint, times);
    const [oldest] = asked.keys();
    if (asked.size > remembered && oldest !== undefined) asked.delete(oldest);
    return times;
  };
}

/** The turn without the failures that have happened as often as they should; `times` counts this call too. */
export function withoutSpentFailures(turn: Turn, times: number): Turn {
  return turn.filter((directive) => directive.kind !== 'fail' || times <= directive.times);
}

/** Whether it matters how often the turn was asked for. */
export function countsAsks(turn: Turn): boolean {
  return turn.some((directive) => directive.kind === 'fail' && directive.times < Infinity);
}

/** The error of a request that is refused before anything is streamed, if the turn has one. */
export function refusal(turn: Turn): APICallError | null {
  const refused = turn.find(isRefusal);
  return refused ? httpError(refused.failure) : null;
}

/** What a provider puts into the stream when the model fails in the middle of it. */
export function streamedError(): APICallError {
  return apiCallError('The demo model failed in mid-stream, as its script says', 500);
}

/** What `fetch` says when the connection dies while the body is read. */
export function brokenConnection(): TypeError {
  return new TypeError('terminated');
}

function isRefusal(directive: Directive): directive is FailDirective {
  return directive.kind === 'fail' && directive.failure.startsWith('http-');
}

function httpError(failure: Failure): APICallError {
  if (failure === 'http-500') return apiCallError('The demo model is out of order, as its script says', 500);
  return apiCallError('The demo model has had enough, as its script says', 429, { 'retry-after-ms': '50' });
}

function apiCallError(message: string, statusCode: number, responseHeaders = {}): APICallError {
  return new APICallError({
    message,
    url: 'demo:scripted',
    requestBodyValues: {},
    statusCode,
    responseHeaders,
    isRetryable: true,
  });
}
