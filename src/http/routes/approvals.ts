import { z } from 'zod';
import { checkDecision, type DecisionRequest } from '../../approvals/check-decision.ts';
import { decideApproval } from '../../approvals/decide-approval.ts';
import { type ApprovalTarget, findApproval } from '../../approvals/find-approval.ts';
import { approvalSchema } from '../../approvals/view.ts';
import { whilePatient } from '../../db/retry.ts';
import { Problem } from '../../problems/problem.ts';
import { type Answer, json } from '../answer.ts';
import type { HttpDeps } from '../deps.ts';
import { idempotently, keyHeaders } from '../idempotency.ts';
import { uuid } from '../query-fields.ts';
import { type Call, type Route, route } from '../route.ts';

/** How long Postgres may be away before whoever decides is told to try again. */
const PATIENCE_MS = 3000;

/** As tool calls have them in the log. */
const toolCallId = z.string().regex(/^[\x21-\x7e]{1,128}$/);

const reason = z.string().max(4096).optional().meta({ description: 'The model is told that of a denial.' });

const decideToolCall = route({
  method: 'post',
  path: '/executions/{id}/approvals/{toolCallId}',
  operationId: 'decideToolCall',
  summary: 'Decide what a tool call waits for',
  description:
    '`approved` lets the call run (again, if a crash left its outcome unknown); a question has to be answered.',
  tag: 'Approvals',
  params: z.object({ id: uuid, toolCallId }),
  headers: keyHeaders,
  body: z.strictObject({ approved: z.boolean(), reason }),
  answers: {
    200: { description: 'The approval, decided.', content: { 'application/json': approvalSchema } },
  },
  problems: ['may-not-decide', 'already-decided', 'approval-expired', 'decision-not-applicable'],
  handle: async (call, deps) => {
    const target = { executionId: call.params.id, toolCallId: call.params.toolCallId };
    const { row } = await findApproval(deps.db.orm, call.scope, target);
    if (row.kind === 'question') {
      throw new Problem('decision-not-applicable', 'This is a question: answer it or deny it by its id');
    }
    const yes = row.kind === 'approval' ? 'approve' : 'retry';
    const { approved, reason: why } = call.body;
    return answerDecision(call, deps, target, { decision: approved ? yes : 'deny', reason: why });
  },
});

/** Makes a decision, once for each key, and answers with what was decided. */
async function answerDecision(
  call: Call<unknown, unknown, { 'idempotency-key'?: string | undefined }, unknown>,
  deps: HttpDeps,
  target: ApprovalTarget,
  request: DecisionRequest,
): Promise<Answer> {
  const { scope, method, path, body } = call;
  const key = call.headers['idempotency-key'];
  const checked = await checkDecision({ db: deps.db.orm, agents: deps.agents }, scope, target, request);
  const outcome = await whilePatient(PATIENCE_MS, () =>
    idempotently(deps.db, scope, { key, method, path, body }, async (tx) => {
      const { approval, afterCommit } = await decideApproval(tx, deps, checked);
      return { status: 200, headers: {}, body: approval, afterCommit };
    }),
  );
  return json(outcome.body, outcome.status, outcome.replayed ? { 'idempotency-replayed': 'true' } : {});
}

export const approvalRoutes: Route[] = [decideToolCall];
