import { z } from 'zod';
import type { DecisionRequest } from '../../approvals/check-decision.ts';
import { decide } from '../../approvals/decide.ts';
import { decisionIdFrom } from '../../approvals/decision-id.ts';
import { approvalSchema } from '../../approvals/view.ts';
import type { Scope } from '../../db/scope.ts';
import { Problem } from '../../problems/problem.ts';
import { decisionFields } from '../decision-body.ts';
import type { HttpDeps } from '../deps.ts';
import { toProblem } from '../failure.ts';
import { answerOutcome, keyHeaders } from '../idempotency.ts';
import { problemSchema } from '../openapi.ts';
import { type Pieces, piecewise } from '../piecewise.ts';
import { uuid } from '../query-fields.ts';
import { type Route, route } from '../route.ts';

const MOST = 100;
/** What is not decided by then is not tried any more: the client has to ask again. */
const LONGEST_MS = 20_000;

const decisionSchema = z.strictObject({ approvalId: z.string().min(1).max(256), ...decisionFields });

type Decision = z.output<typeof decisionSchema>;

const resultSchema = z.object({
  approvalId: z.string(),
  status: z
    .int()
    .meta({ description: 'The HTTP status that this decision alone would have been answered with.' }),
  approval: approvalSchema.optional(),
  problem: problemSchema.optional(),
});

type Result = { approvalId: string; status: number } & ({ approval: object } | { problem: object });

/** Decides up to a hundred approvals, each for itself. */
export const decideMany: Route = route({
  method: 'post',
  path: '/approvals/decisions',
  scope: 'approvals:decide',
  operationId: 'decideApprovals',
  summary: 'Decide several approvals',
  description:
    'Each is decided for itself, in the order given: one that fails does not hold up the others. ' +
    'A result has either the approval or the problem. ' +
    'With a key, a request that is sent again after a crash decides what is left, and answers as the first would have.',
  tag: 'Approvals',
  headers: keyHeaders,
  body: z.strictObject({ decisions: z.array(decisionSchema).min(1).max(MOST) }),
  answers: {
    200: {
      description: 'What became of each, in the order given.',
      content: { 'application/json': z.object({ results: z.array(resultSchema) }) },
    },
  },
  handle: async (call, deps) => {
    const outcome = await piecewise(deps.db, call, (identity) =>
      decideEach(deps, call.scope, call.body.decisions, identity),
    );
    return answerOutcome(outcome);
  },
});

/** One after another: of two decisions on one approval, the first is the first. */
async function decideEach(
  deps: HttpDeps,
  scope: Scope,
  decisions: readonly Decision[],
  identity: readonly string[] | undefined,
): Promise<Pieces> {
  const results: Result[] = [];
  const until = performance.now() + LONGEST_MS;
  for (const [position, { approvalId, ...request }] of decisions.entries()) {
    const decisionId = identity && decisionIdFrom([...identity, position, approvalId]);
    const isLate = performance.now() > until;
    results.push(await decideOne(deps, scope, approvalId, request, { decisionId, isLate }));
  }
  return {
    effect: { status: 200, headers: {}, body: { results } },
    isWhole: results.every(({ status }) => status < 500),
  };
}

async function decideOne(
  deps: HttpDeps,
  scope: Scope,
  approvalId: string,
  request: DecisionRequest,
  { decisionId, isLate }: { decisionId: string | undefined; isLate: boolean },
): Promise<Result> {
  try {
    if (isLate) throw new Problem('unavailable', 'There was no time left for this one; try again');
    const id = uuid.safeParse(approvalId).data;
    if (id === undefined) throw new Problem('not-found', `There is no approval ${approvalId}`);
    const approval = await decide(deps, scope, { approvalId: id }, request, decisionId);
    return { approvalId, status: 200, approval };
  } catch (error) {
    const problem = toProblem(error);
    if (problem.code === 'internal')
      deps.logger.error({ err: error, approvalId }, 'approvals.decision-failed');
    const body = problem.toBody(`/approvals/${encodeURIComponent(approvalId.toWellFormed())}/decision`);
    return { approvalId, status: problem.status, problem: body };
  }
}
