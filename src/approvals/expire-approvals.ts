import { and, asc, eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type Database, transaction } from '../db/database.ts';
import { approvals } from '../db/schema.ts';
import type { CheckedDecision } from './check-decision.ts';
import { type Decided, type DecisionDeps, decideApproval } from './decide-approval.ts';
import { POLICY } from './status.ts';

/** An approval whose time is over while nobody has decided. */
export interface Overdue {
  approvalId: string;
  executionId: string;
  onExpire: 'deny' | 'approve';
}

const EXPIRED = 'The approval expired: nobody decided in time';

/**
 * The longest overdue first. By the time of the statement: a clock that moves while it runs would be asked for each
 * row, and the index could not be entered at the first that is not due; every worker looks each second.
 */
export async function findOverdue(db: Database, limit: number): Promise<Overdue[]> {
  return db.orm
    .select({ approvalId: approvals.id, executionId: approvals.executionId, onExpire: approvals.onExpire })
    .from(approvals)
    .where(and(eq(approvals.status, 'pending'), sql`${approvals.expiresAt} <= statement_timestamp()`))
    .orderBy(asc(approvals.expiresAt))
    .limit(limit);
}

/**
 * Decides an overdue approval as its tool wants it, as any decision is made.
 * @returns what was decided; undefined when somebody else is at its execution right now
 * @throws Problem already-decided, approval-expired when somebody else was first
 */
export async function expireApproval(
  db: Database,
  deps: DecisionDeps,
  { approvalId, executionId, onExpire }: Overdue,
): Promise<Decided | undefined> {
  const approves = onExpire === 'approve';
  const decision: CheckedDecision = {
    approvalId,
    executionId,
    decisionId: uuidv7(),
    by: POLICY,
    actor: { kind: 'system', id: POLICY },
    status: approves ? 'approved' : 'expired',
    reason: approves ? 'Approved by policy: nobody decided in time' : EXPIRED,
    editedInput: undefined,
    output: undefined,
  };
  const decided = await transaction(db, async (tx) => {
    // Every worker does this: whoever comes second goes on with another one.
    const free = await tx.execute(sql`
      SELECT 1 FROM outlast.workflow_executions WHERE id = ${executionId} FOR UPDATE SKIP LOCKED`);
    return free.rowCount === 1 ? decideApproval(tx, deps, decision) : undefined;
  });
  decided?.afterCommit();
  return decided;
}
