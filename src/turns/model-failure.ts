import { APICallError } from '@ai-sdk/provider';
import { ModelUnavailable } from '../agents/model-registry.ts';

/** Longest wait that a provider's retry-after is followed to. */
const LONGEST_RETRY_AFTER_MS = 60_000;
const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 30_000;

/** A model call that gave no answer, in the words that an execution's `error` may show. */
export interface ModelFailure {
  code: 'model-error' | 'model-rate-limited';
  /** What happened; never the provider's own text where that could quote a key. */
  detail: string;
  /** False when trying again cannot help, such as a refused key. */
  retryable: boolean;
  /** Milliseconds after which the provider wants to be asked again. */
  retryAfterMs: number | undefined;
}

/** Thrown by a model call for every way in which it can fail: one case for who calls it. */
export class ModelCallFailed extends Error {
  override readonly name = 'ModelCallFailed';
  readonly failure: ModelFailure;

  constructor(failure: ModelFailure, cause?: unknown) {
    super(failure.detail, { cause });
    this.failure = failure;
  }
}

/** The stream ended without an answer: cut, silent, or with an error that came as a part of it. */
export function brokenStream(detail: string, cause?: unknown): ModelCallFailed {
  return new ModelCallFailed(
    { code: 'model-error', detail, retryable: true, retryAfterMs: undefined },
    cause,
  );
}

/** An error that a provider, or the way to it, made. */
export function modelCallFailed(error: unknown): ModelCallFailed {
  if (error instanceof ModelCallFailed) return error;
  if (error instanceof ModelUnavailable) {
    return new ModelCallFailed(
      { code: 'model-error', detail: error.message, retryable: false, retryAfterMs: undefined },
      error,
    );
  }
  const call = findApiCallError(error);
  if (call?.statusCode === undefined) return brokenStream('The connection to the model broke', error);
  return new ModelCallFailed(describeAnswer(call, call.statusCode), error);
}

/** Milliseconds to wait before try number `tries` + 1 of a model call. */
export function backOffMs(failure: ModelFailure, tries: number): number {
  if (failure.retryAfterMs !== undefined) return failure.retryAfterMs;
  return Math.min(FIRST_BACK_OFF_MS * 2 ** (tries - 1), LONGEST_BACK_OFF_MS);
}

function describeAnswer(call: APICallError, statusCode: number): ModelFailure {
  // A 2xx is a stream that began well and broke, or that nobody could parse.
  const isAnswer = statusCode < 300;
  return {
    code: statusCode === 429 ? 'model-rate-limited' : 'model-error',
    detail: isAnswer ? 'The stream of the model broke' : `The model provider answered ${statusCode}`,
    retryable: call.isRetryable || isAnswer,
    retryAfterMs: retryAfter(call.responseHeaders ?? {}),
  };
}

/** Providers and the SDK wrap: the answer of the server may be some causes down. */
function findApiCallError(error: unknown): APICallError | undefined {
  for (let cause = error; cause instanceof Error; cause = nextCause(cause)) {
    if (APICallError.isInstance(cause)) return cause;
  }
  return undefined;
}

function nextCause(error: Error): unknown {
  return (error as { lastError?: unknown }).lastError ?? error.cause;
}

function retryAfter(headers: Record<string, string>): number | undefined {
  const header = headers['retry-after'] ?? '';
  const candidates = [
    toNumber(headers['retry-after-ms'] ?? ''),
    toNumber(header) * 1000,
    Date.parse(header) - Date.now(),
  ];
  const wait = candidates.find((value) => Number.isFinite(value) && value >= 0);
  return wait === undefined ? undefined : Math.min(wait, LONGEST_RETRY_AFTER_MS);
}

/** An empty header says nothing, and `Number` would make 0 of it. */
function toNumber(header: string): number {
  return header.trim() === '' ? Number.NaN : Number(header);
}
