import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const RETRY_MS = 40;
/** Longer than any answer takes, shorter than a server stays frozen. */
const ANSWER_WITHIN_MS = 1500;

export interface ExecutionRequest {
  threadId: string;
  input: string;
}

/**
 * Asks for an execution until some server has accepted it. The key makes all of these one request, whichever server
 * had taken it before it died.
 * @throws the signal's reason, or Error for an answer that a good request does not get
 */
export async function startExecution(
  nextUrl: () => string,
  request: ExecutionRequest,
  signal: AbortSignal,
): Promise<string> {
  const key = randomUUID();
  for (;;) {
    signal.throwIfAborted();
    const answer = await askOnce(nextUrl(), key, request);
    if (answer?.status === 202) return answer.executionId;
    // In flight (409): another server, or a frozen one, holds the key right now.
    if (answer !== undefined && answer.status !== 409 && answer.status < 502) {
      throw new Error(`POST /executions was answered ${answer.status}: ${answer.text}`);
    }
    await delay(RETRY_MS);
  }
}

interface Answer {
  status: number;
  text: string;
  executionId: string;
}

async function askOnce(url: string, key: string, request: ExecutionRequest): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}/executions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ agentId: 'operator', ...request }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    const executionId = response.headers.get('x-execution-id') ?? '';
    return { status: response.status, text, executionId };
  } catch {
    return undefined;
  }
}
