import type { AgentCatalog } from '../agents/load-agents.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { RESTART_PATIENCE_MS, whilePatient } from '../db/retry.ts';
import type { Scope } from '../db/scope.ts';
import { checkDecision, type DecisionRequest } from './check-decision.ts';
import { type Decided, type DecisionDeps, decideApproval } from './decide-approval.ts';
import type { ApprovalTarget } from './find-approval.ts';
import type { Approval } from './view.ts';

export interface DecideDeps extends DecisionDeps {
  db: Database;
  agents: Pick<AgentCatalog, 'get'>;
}

/**
 * Checks a decision and makes it, in a transaction of its own. One whose commit was not heard is tried again and
 * finds itself.
 * @param decisionId by which it also finds itself when it is asked for again; default: a new one
 * @throws Problem as `checkDecision` and `decideApproval` do
 */
export async function decide(
  deps: DecideDeps,
  scope: Scope,
  target: ApprovalTarget,
  request: DecisionRequest,
  decisionId?: string,
): Promise<Approval> {
  const checked = await whilePatient(RESTART_PATIENCE_MS, () =>
    checkDecision({ db: deps.db.orm, agents: deps.agents }, scope, target, request),
  );
  const decision = decisionId === undefined ? checked : { ...checked, decisionId };
  const { approval, afterCommit } = await whilePatient(RESTART_PATIENCE_MS, () =>
    transaction(deps.db, (tx: Transaction): Promise<Decided> => decideApproval(tx, deps, decision)),
  );
  afterCommit();
  return approval;
}
