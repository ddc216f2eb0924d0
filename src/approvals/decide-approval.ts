import { eq, sql } from 'drizzle-orm';
import { insertInTransaction } from '../chunks/insert-rows.ts';
import { INBOX } from '../chunks/log-hints.ts';
import { readLastSeq } from '../chunks/read-rows.ts';
import { type LogRow, makeRows } from '../chunks/row.ts';
import type { Transaction } from '../db/database.ts';
import { plainText } from '../db/plain-text.ts';
import { approvals, threads, workflowExecutions } from '../db/schema.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { DiscardSegments } from '../executions/hand-over.ts';
import { type ExecutionStatus, isFinalStatus } from '../executions/status.ts';
import type { Notify } from '../notifications/notify.ts';
import { Problem } from '../problems/problem.ts';
import type { ThreadNews } from '../threads/thread-news.ts';
import { auditApproval } from './audit-approval.ts';
import type { CheckedDecision } from './check-decision.ts';
import { continueExecution, type HeldExecution } from './continue-execution.ts';
import { decisionChunks, settleCall } from './decision-effects.ts';
import { recordEvent } from './record-event.ts';
import { POLICY } from './status.ts';
import { type Approval, type ApprovalRow, toApproval } from './view.ts';

export interface DecisionDeps {
  dispatch: Dispatch;
  discard: DiscardSegments;
  notify?: Notify | undefined;
  /** Tells readers, here and in other processes, of rows that are committed; without rows, of another change. */
  publish(executionNo: number, rows: readonly LogRow[]): void;
  threadNews: Pick<ThreadNews, 'changed'>;
}

export interface Decided {
  approval: Approval;
  /** To be called once the transaction has committed: wakes readers, and starts the execution where it is to go on. */
  afterCommit(): void;
}

/**
 * Decides an approval, once (A1): status, history, the tool ledger, the log, and what makes the execution go on are
 * one transaction. It counts whether the execution waits for it already, runs, or is being taken over. Locks come in
 * the order execution → approval; the thread's is not needed, for nothing of the thread changes.
 * @throws Problem already-decided (with the approval), approval-expired
 */
export async function decideApproval(
  tx: Transaction,
  deps: DecisionDeps,
  decision: CheckedDecision,
): Promise<Decided> {
  const held = await holdApproval(tx, decision);
  const { execution, approval, threadId, isOverdue } = held;
  // An earlier try of ours committed without our hearing of it. What was to be launched, a healer finds.
  if (approval.decisionId === decision.decisionId) {
    return {
      approval: toApproval({ row: approval, threadId }),
      afterCommit: () => {
        deps.publish(execution.no, []);
        deps.publish(INBOX, []);
      },
    };
  }
  const isTooLate = approval.status === 'pending' && isOverdue && decision.by !== POLICY;
  if (isTooLate || approval.status !== 'pending' || isFinalStatus(execution.status as ExecutionStatus)) {
    throw refuseDecided(toApproval({ row: approval, threadId }), isTooLate);
  }
  return settle(tx, deps, held, decision);
}

/** What whoever comes too late is told, with the decision that there is. */
export function refuseDecided(approval: Approval, isOverdue = false): Problem {
  const extra = { approval };
  if (isOverdue || approval.status === 'expired') {
    return new Problem('approval-expired', 'The time to decide this is over', { extra });
  }
  return new Problem('already-decided', `This approval is ${approval.status} already`, { extra });
}

interface HeldApproval {
  execution: HeldExecution;
  approval: ApprovalRow;
  threadId: string;
  /** Its time is over, by the clock of the database. */
  isOverdue: boolean;
}

async function holdApproval(
  tx: Transaction,
  { executionId, approvalId }: Pick<CheckedDecision, 'executionId' | 'approvalId'>,
): Promise<HeldApproval> {
  const [execution] = await tx
    .select()
    .from(workflowExecutions)
    .where(eq(workflowExecutions.id, executionId))
    .for('update');
  // In a statement of its own: only that sees what was committed while the lock was waited for.
  const [row] = await tx
    .select({
      approval: approvals,
      isOverdue: sql<boolean>`coalesce(${approvals.expiresAt} <= clock_timestamp(), false)`,
    })
    .from(approvals)
    .where(eq(approvals.id, approvalId))
    .for('update');
  if (execution === undefined || row === undefined) {
    throw new Problem('not-found', `There is no approval ${approvalId}`);
  }
  const [thread] = await tx
    .select({ id: threads.id })
    .from(threads)
    .where(eq(threads.no, execution.threadNo));
  return { execution, ...row, threadId: thread?.id ?? '' };
}

async function settle(
  tx: Transaction,
  deps: DecisionDeps,
  { execution, approval: pending, threadId }: HeldApproval,
  decision: CheckedDecision,
): Promise<Decided> {
  const approval = await markDecided(tx, pending, decision);
  await recordEvent(tx, approval, {
    kind: decision.status as Exclude<typeof decision.status, 'pending'>,
    by: decision.by,
    detail: detailOf(approval),
  });
  await auditApproval(
    tx,
    decision.actor,
    { row: approval, threadId },
    {
      action: decision.by === POLICY ? 'approval.expired' : 'approval.decided',
      details: { decision: decision.status, isEdited: decision.editedInput !== undefined },
    },
  );
  await deps.notify?.(tx, { type: 'approval.decided', approvalId: approval.id });
  await settleCall(tx, approval);
  const rows = await appendToLog(tx, execution, approval);
  const launch = await continueExecution(tx, deps, execution);
  const afterCommit = () => {
    deps.publish(execution.no, rows);
    // The status may have changed too, which rows alone do not tell.
    if (execution.status === 'suspended') deps.publish(execution.no, []);
    deps.publish(INBOX, []);
    deps.threadNews.changed(execution.threadNo);
    launch();
  };
  return { approval: toApproval({ row: approval, threadId }), afterCommit };
}

async function markDecided(
  tx: Transaction,
  approval: ApprovalRow,
  { status, reason, by, decisionId, editedInput, output }: CheckedDecision,
): Promise<ApprovalRow> {
  const [decided] = await tx
    .update(approvals)
    .set({
      status,
      reason: reason === null ? null : plainText(reason),
      decidedBy: by,
      decisionId,
      decidedAt: sql`clock_timestamp()`,
      ...(editedInput === undefined ? {} : { editedInput }),
      // As text: a parameter that is null would be no value at all, and `null` is an answer.
      ...(output === undefined ? {} : { output: sql`${JSON.stringify(output)}::json` }),
    })
    .where(eq(approvals.id, approval.id))
    .returning();
  return decided as ApprovalRow;
}

function detailOf({ reason, editedInput }: ApprovalRow): Record<string, unknown> {
  return {
    ...(reason === null ? {} : { reason }),
    ...(editedInput === null ? {} : { editedInput }),
  };
}

/** All in one row of the log: the fold is no valid message between an edited input and its response. */
async function appendToLog(
  tx: Transaction,
  { id, no, tenantId, attempt }: HeldExecution,
  approval: ApprovalRow,
): Promise<LogRow[]> {
  const entries = decisionChunks(approval).map((chunk) => ({ turn: approval.turn, chunk }));
  const rows = makeRows(entries, (await readLastSeq(tx, no)) + 1, attempt);
  await insertInTransaction(tx, { executionId: id, executionNo: no, tenantId, attempt }, rows);
  return rows;
}
