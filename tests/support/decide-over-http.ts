import type { DecisionRequest } from '../../src/approvals/check-decision.ts';
import type { Approval } from '../../src/approvals/view.ts';
import { ask } from '../http/client.ts';
import type { DecisionAnswer } from './decider-process.ts';

/**
 * Decides what a tool call waits for, by its URL; the key makes a repeated request the same one.
 * @returns undefined when there was no answer
 */
export async function decideOverHttp(
  url: string,
  key: string,
  { decision, reason }: DecisionRequest,
): Promise<DecisionAnswer | undefined> {
  const { origin, pathname } = new URL(url);
  const options = { body: { approved: decision !== 'deny', reason }, headers: { 'idempotency-key': key } };
  const answer = await ask(origin, pathname, options).catch(() => undefined);
  if (answer === undefined) return undefined;
  const body: unknown = answer.json();
  return answer.status === 200
    ? { status: 200, approval: body as Approval }
    : { ...(body as DecisionAnswer), status: answer.status };
}
