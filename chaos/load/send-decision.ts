import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { Approval } from '../../src/approvals/view.ts';
import { isTransient } from '../../src/db/errors.ts';
import { Problem } from '../../src/problems/problem.ts';
import type { Decider } from '../../tests/support/decider.ts';
import type { OpenQuestion, ToldFirst } from './people.ts';

const RETRY_MS = 40;
/** Longer than any answer takes, shorter than a server stays frozen. */
const ANSWER_WITHIN_MS = 1500;

/** Where decisions can be made: over HTTP, or, with what no request for a tool call can say, by a process beside. */
export interface Counters {
  nextUrl: () => string;
  decider: Decider;
}

/** An answer that settles it, as HTTP gives it. */
interface Answer {
  status: number;
  code?: string;
  approval?: Approval;
  text: string;
}

/**
 * Sends a decision until somebody has said how it was decided. Its key makes all of these one request, so that one
 * that was not heard is never taken for a decision of what the call asks next.
 * @throws the signal's reason, or Error for an answer that a good decision does not get
 */
export async function sendDecision(
  { nextUrl, decider }: Counters,
  question: OpenQuestion,
  request: DecisionRequest,
  signal: AbortSignal,
): Promise<ToldFirst> {
  const needsMore =
    request.input !== undefined || request.answer !== undefined || request.output !== undefined;
  const key = randomUUID();
  for (;;) {
    signal.throwIfAborted();
    const answer =
      needsMore || question.kind === 'question'
        ? await decideBeside(decider, question, request)
        : await decideOverHttp(nextUrl(), key, question, request);
    if (answer?.status === 409 && answer.code === 'idempotency-in-flight') await delay(RETRY_MS);
    else if (answer?.approval !== undefined && [200, 409].includes(answer.status)) {
      return {
        approvalId: answer.approval.id,
        status: answer.approval.status,
        isFirst: answer.status === 200,
      };
    } else if (answer !== undefined && answer.status < 502) {
      throw new Error(`A decision was answered ${answer.status}: ${answer.text}`);
    } else await delay(RETRY_MS);
  }
}

async function decideBeside(
  decider: Decider,
  { approvalId }: OpenQuestion,
  request: DecisionRequest,
): Promise<Answer | undefined> {
  try {
    return { status: 200, approval: await decider.decide(approvalId, request), text: '' };
  } catch (error) {
    if (error instanceof Problem) return { ...(error.toBody('') as unknown as Answer), text: error.message };
    if (isTransient(error)) return undefined;
    throw error;
  }
}

async function decideOverHttp(
  url: string,
  key: string,
  { executionId, toolCallId }: OpenQuestion,
  { decision, reason }: DecisionRequest,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}/executions/${executionId}/approvals/${toolCallId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ approved: decision !== 'deny', reason }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    const body = JSON.parse(text) as { code?: string; approval?: Approval };
    if (response.status === 200) return { status: 200, approval: body as unknown as Approval, text };
    return { ...body, status: response.status, text };
  } catch {
    return undefined;
  }
}
