import { z } from 'zod';
import { assignApproval } from '../../approvals/assign-approval.ts';
import { checkDecision, type DecisionRequest } from '../../approvals/check-decision.ts';
import { type Decided, decideApproval } from '../../approvals/decide-approval.ts';
import { type ApprovalTarget, findApproval } from '../../approvals/find-approval.ts';
import { approvalSchema } from '../../approvals/view.ts';
import type { Transaction } from '../../db/database.ts';
import { RESTART_PATIENCE_MS } from '../../db/retry.ts';
import { Problem } from '../../problems/problem.ts';
import type { Answer } from '../answer.ts';
import { decisionFields, reason } from '../decision-body.ts';
import type { HttpDeps } from '../deps.ts';
import { answerOutcome, idempotently, type KeyedCall, keyHeaders } from '../idempotency.ts';
import { isPlainText } from '../json-content.ts';
import { uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';
import { decideMany } from './decide-many.ts';

/** As tool calls have them in the log. */
const toolCallId = z.string().regex(/^[\x21-\x7e]{1,128}$/);

const decideToolCall = route({
  method: 'post',
  path: '/executions/{id}/approvals/{toolCallId}',
  scope: 'approvals:decide',
  tokens: { execution: 'decide', thread: 'decide' },
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

const decideOne = route({
  method: 'post',
  path: '/approvals/{id}/decision',
  scope: 'approvals:decide',
  tokens: { execution: 'decide', thread: 'decide' },
  operationId: 'decideApproval',
  summary: 'Decide an approval',
  description:
    'An `approval` is decided with approve (with other `input`, if need be) or deny, a `question` with answer or deny, ' +
    'an `unknown-outcome` with retry, resolve or deny. The first decision wins.',
  tag: 'Approvals',
  params: z.object({ id: uuid }),
  headers: keyHeaders,
  body: z.strictObject(decisionFields),
  answers: {
    200: { description: 'The approval, decided.', content: { 'application/json': approvalSchema } },
  },
  problems: [
    'may-not-decide',
    'already-decided',
    'approval-expired',
    'decision-not-applicable',
    'input-changed',
  ],
  handle: (call, deps) => answerDecision(call, deps, { approvalId: call.params.id }, call.body),
});

const assign = route({
  method: 'post',
  path: '/approvals/{id}/assign',
  scope: 'approvals:decide',
  operationId: 'assignApproval',
  summary: 'Say who is to look at an approval',
  description: 'Whoever may decide may assign. Who may decide stays as it is; null takes the name away.',
  tag: 'Approvals',
  params: z.object({ id: uuid }),
  headers: keyHeaders,
  body: z.strictObject({
    assignee: z
      .string()
      .min(1)
      .max(256)
      .refine(isPlainText, 'must have neither U+0000 nor half a surrogate pair')
      .nullable(),
  }),
  answers: {
    200: { description: 'The approval.', content: { 'application/json': approvalSchema } },
  },
  problems: ['may-not-decide', 'already-decided', 'approval-expired'],
  handle: (call, deps) =>
    answerOnce(call, deps, (tx) => assignApproval(tx, deps, call.scope, call.params.id, call.body.assignee)),
});

/** Makes a decision, once for each key, and answers with what was decided. */
async function answerDecision(
  call: KeyedCall,
  deps: HttpDeps,
  target: ApprovalTarget,
  request: DecisionRequest,
): Promise<Answer> {
  const checked = await checkDecision({ db: deps.db.orm, agents: deps.agents }, call.scope, target, request);
  return answerOnce(call, deps, (tx) => decideApproval(tx, deps, checked));
}

/** Does something to an approval, once for each key, and answers with what it is then. */
async function answerOnce(
  call: KeyedCall,
  { db }: Pick<HttpDeps, 'db'>,
  work: (tx: Transaction) => Promise<Decided>,
): Promise<Answer> {
  const outcome = await idempotently(db, call, RESTART_PATIENCE_MS, async (tx) => {
    const { approval, afterCommit } = await work(tx);
    return { status: 200, headers: {}, body: approval, afterCommit };
  });
  return answerOutcome(outcome);
}

export const approvalRoutes: Route[] = [decideMany, decideToolCall, decideOne, assign];
