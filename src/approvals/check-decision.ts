import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { AgentCatalog } from '../agents/load-agents.ts';
import { type Actor, actorIn } from '../audit/actor.ts';
import type { Executor } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import { type Fault, Problem } from '../problems/problem.ts';
import { type ApprovalTarget, findApproval } from './find-approval.ts';
import { type ApprovalStatus, type DecisionKind, statusAfter } from './status.ts';
import type { ApprovalRow } from './view.ts';
import { mayDecide } from './visible-to.ts';

/** What somebody decides. */
export interface DecisionRequest {
  decision: DecisionKind;
  /** Of an approval or a denial; the model is told that of a denial. */
  reason?: string | undefined;
  /** Approves the call with other input than the model gave. */
  input?: unknown;
  /** Answers a question: the output of the call. */
  answer?: unknown;
  /** Resolves an unknown outcome: the output of the call. */
  output?: unknown;
  /** The hash of the input that was looked at. */
  inputHash?: string | undefined;
}

/** A decision that fits what is asked, by somebody who may make it. */
export interface CheckedDecision {
  approvalId: string;
  executionId: string;
  /** By which a decision that did not hear its commit is known again. */
  decisionId: string;
  by: string;
  /** As the audit log tells it. */
  actor: Actor;
  status: ApprovalStatus;
  reason: string | null;
  editedInput: unknown;
  output: unknown;
}

/**
 * Holds a decision to what is asked. What it looks at never changes, so this comes before the transaction: a schema
 * may run code of the agent, for which no lock is held. Whether the approval is still open shows in the transaction.
 * Edited input is held to the agent's own schema; where the agent cannot be loaded, to the JSON Schema that people
 * were shown. The agent's own has the last word before the tool is called.
 * @throws Problem not-found, may-not-decide, decision-not-applicable, input-changed, validation-failed
 */
export async function checkDecision(
  deps: { db: Executor; agents: Pick<AgentCatalog, 'get'> },
  scope: Scope,
  target: ApprovalTarget,
  request: DecisionRequest,
): Promise<CheckedDecision> {
  const { row } = await findApproval(deps.db, scope, target);
  if (!mayDecide(scope, row)) {
    throw new Problem('may-not-decide', 'The tool names who may decide this, and you are not among them');
  }
  const status = statusAfter(row.kind, request.decision);
  if (status === undefined) {
    throw new Problem('decision-not-applicable', `${request.decision} is no decision of kind ${row.kind}`);
  }
  refuseMisplaced(request);
  const isEdited = request.input !== undefined;
  // One that is decided is answered with its decision, whatever else is asked.
  if (row.status === 'pending') {
    if (request.inputHash !== undefined && request.inputHash !== row.inputHash) {
      throw new Problem('input-changed', 'The input is not the one of this hash');
    }
    if (isEdited) await checkInput(deps.agents, row, request.input);
  }
  return {
    approvalId: row.id,
    executionId: row.executionId,
    decisionId: uuidv7(),
    by: scope.ownerId,
    actor: actorIn(scope),
    status,
    reason: request.reason ?? null,
    editedInput: isEdited ? request.input : undefined,
    output: request.decision === 'answer' ? request.answer : request.output,
  };
}

/** Which member carries what a decision needs; it is no member of the others. */
const MEMBER_OF = { input: 'approve', answer: 'answer', output: 'resolve' } as const;

function refuseMisplaced(request: DecisionRequest): void {
  const errors: Fault[] = [];
  for (const member of ['input', 'answer', 'output'] as const) {
    const isGiven = request[member] !== undefined;
    const belongs = MEMBER_OF[member] === request.decision;
    if (isGiven && !belongs)
      errors.push({ pointer: `/${member}`, message: `is only for ${MEMBER_OF[member]}` });
    if (!isGiven && belongs && member !== 'input')
      errors.push({ pointer: `/${member}`, message: 'is required' });
  }
  if (errors.length > 0) throw invalid(errors);
}

async function checkInput(
  agents: Pick<AgentCatalog, 'get'>,
  approval: ApprovalRow,
  input: unknown,
): Promise<void> {
  const tool = agents.get(approval.agentId)?.agent?.tools[approval.toolName];
  const schema =
    tool?.inputSchema ?? z.fromJSONSchema(approval.inputSchema as Parameters<typeof z.fromJSONSchema>[0]);
  const parsed = await schema.safeParseAsync(input);
  if (parsed.success) return;
  throw invalid(parsed.error.issues.map(({ path, message }) => ({ pointer: toPointer(path), message })));
}

function toPointer(path: readonly PropertyKey[]): string {
  const steps = path.map((key) => String(key).replaceAll('~', '~0').replaceAll('/', '~1'));
  return ['/input', ...steps].join('/');
}

function invalid(errors: Fault[]): Problem {
  const [first] = errors;
  return new Problem('validation-failed', `${first?.pointer}: ${first?.message}`, { errors });
}
