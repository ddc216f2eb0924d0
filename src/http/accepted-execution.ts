import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import type { CreatedExecution } from '../executions/add-execution.ts';
import { getExecution } from '../executions/get-execution.ts';
import { readLogHead } from '../executions/log-head.ts';
import type { Execution } from '../executions/view.ts';
import { Problem } from '../problems/problem.ts';
import { findMessage } from '../threads/find-message.ts';
import type { Answer } from './answer.ts';
import type { HttpDeps } from './deps.ts';
import { answerOutcome, type Effect, type Outcome } from './idempotency.ts';
import type { Call } from './route.ts';
import { streamExecution } from './stream/execution-stream.ts';
import { framingOf, NDJSON, SSE } from './stream/framing.ts';

/** What a request that starts an execution did, to be committed with it. */
export async function acceptedEffect(
  tx: Transaction,
  deps: Pick<HttpDeps, 'threadNews' | 'agents'>,
  scope: Scope,
  { executionId, threadNo, launch }: CreatedExecution,
): Promise<Effect> {
  const execution = await getExecution(tx, scope, executionId);
  // One that was answered by another agent may not be answered again by it either.
  if (deps.agents.only?.includes(execution.agentId) === false) {
    throw new Problem('agent-not-found', `There is no agent "${execution.agentId}"`);
  }
  return {
    status: 202,
    headers: { location: `/executions/${executionId}`, 'x-execution-id': executionId },
    body: { execution },
    afterCommit: () => {
      launch();
      deps.threadNews.changed(threadNo);
    },
  };
}

/** The same of a message, and the message. */
export async function acceptedMessage(
  tx: Transaction,
  deps: Pick<HttpDeps, 'threadNews' | 'agents'>,
  scope: Scope,
  created: CreatedExecution,
): Promise<Effect> {
  const effect = await acceptedEffect(tx, deps, scope, created);
  const { execution } = effect.body as { execution: Execution };
  const message = await findMessage(tx, created.threadNo, execution.inputMessageId);
  return { ...effect, body: { message, execution } };
}

/** 202 and the execution, or its stream from the start if the client would rather have that; a replay the same. */
export async function answerAccepted(
  call: Call<unknown, unknown, unknown, unknown>,
  deps: HttpDeps,
  outcome: Outcome,
): Promise<Answer> {
  const answer = answerOutcome(outcome);
  const type = call.prefers(['application/json', SSE.contentType, NDJSON.contentType]);
  if (type === 'application/json') return answer;
  const head = await readLogHead(deps.db.orm, call.scope, outcome.headers['x-execution-id'] ?? '');
  return streamExecution(deps, {
    scope: call.scope,
    head,
    after: 0,
    framing: framingOf(type),
    untilSuspended: false,
    headers: answer.headers,
  });
}
