import { asc, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { approvals, executionAttempts, executionTurns, toolCalls, workflowExecutions } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { getExecution } from './get-execution.ts';
import { isFinalStatus } from './status.ts';
import type { Execution } from './view.ts';

const KINDS = ['attempt', 'turn', 'retry', 'tool', 'approval', 'suspension', 'cancel'] as const;

/** One stretch or moment of an execution's life. */
export const timelineEntrySchema = z
  .object({
    kind: z.enum(KINDS),
    name: z.string(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    status: z.string(),
    attempt: z.int().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'TimelineEntry' });

export type TimelineEntry = z.output<typeof timelineEntrySchema>;

type Attempt = typeof executionAttempts.$inferSelect;
type Turn = typeof executionTurns.$inferSelect;
type ToolCall = typeof toolCalls.$inferSelect;
type Approval = typeof approvals.$inferSelect;

/** What happened in an execution, in the order in which it began. @throws Problem not-found */
export async function readTimeline(db: Database, scope: Scope, id: string): Promise<TimelineEntry[]> {
  const { execution, cancel, attempts, turns, calls, asked } = await transaction(
    db,
    async (tx) => ({
      execution: await getExecution(tx, scope, id),
      cancel: await readCancel(tx, id),
      attempts: await tx
        .select()
        .from(executionAttempts)
        .where(eq(executionAttempts.executionId, id))
        .orderBy(asc(executionAttempts.attempt)),
      turns: await tx.select().from(executionTurns).where(eq(executionTurns.executionId, id)),
      calls: await tx.select().from(toolCalls).where(eq(toolCalls.executionId, id)),
      asked: await tx.select().from(approvals).where(eq(approvals.executionId, id)),
    }),
    'repeatable read',
  );
  const entries = [
    ...attempts.map((attempt) => attemptEntry(attempt, execution)),
    ...turns.flatMap((turn) => [turnEntry(turn, execution), ...retryEntries(turn)]),
    ...calls.map((call) => toolEntry(call, asked)),
    ...asked.map(approvalEntry),
    ...suspensionEntries(attempts, execution),
    ...cancelEntries(execution, cancel),
  ];
  return entries.sort(inOrder);
}

function attemptEntry(attempt: Attempt, execution: Execution): TimelineEntry {
  const failed = attempt.endReason === 'failed' ? { error: execution.error } : {};
  return {
    kind: 'attempt',
    name: `attempt ${attempt.attempt}`,
    startedAt: attempt.startedAt.toISOString(),
    endedAt: attempt.endedAt?.toISOString() ?? null,
    status: attempt.endReason ?? 'running',
    attempt: attempt.attempt,
    detail: {
      workerId: attempt.workerId,
      host: attempt.host,
      segment: attempt.segment,
      endReason: attempt.endReason,
      ...failed,
    },
  };
}

function turnEntry(turn: Turn, execution: Execution): TimelineEntry {
  const openStatus = isFinalStatus(execution.status) ? execution.status : 'running';
  return {
    kind: 'turn',
    name: `turn ${turn.turn}`,
    startedAt: turn.startedAt.toISOString(),
    endedAt: turn.endedAt?.toISOString() ?? execution.finishedAt,
    status: turn.endedAt === null ? openStatus : 'completed',
    attempt: turn.attempt,
    detail: {
      turn: turn.turn,
      model: turn.model,
      usage: turn.usage,
      firstTokenMs: turn.firstTokenMs,
      finishReason: turn.finishReason,
    },
  };
}

/** A model call that failed, and the pause until the next one. */
function retryEntries(turn: Turn): TimelineEntry[] {
  return turn.failures.map((failure) => {
    const at = new Date(failure.at).getTime();
    return {
      kind: 'retry',
      name: `turn ${turn.turn}`,
      startedAt: new Date(at).toISOString(),
      endedAt: new Date(at + (failure.retryInMs ?? 0)).toISOString(),
      status: 'failed',
      attempt: failure.attempt,
      detail: { turn: turn.turn, code: failure.code, detail: failure.detail, retryInMs: failure.retryInMs },
    };
  });
}

function toolEntry(call: ToolCall, asked: readonly Approval[]): TimelineEntry {
  const edit = asked.find(
    ({ toolCallId, editedInput }) => toolCallId === call.toolCallId && editedInput !== null,
  );
  return {
    kind: 'tool',
    name: call.toolName,
    startedAt: (call.startedAt ?? call.createdAt).toISOString(),
    endedAt: call.endedAt?.toISOString() ?? null,
    status: call.status,
    attempt: call.attempt,
    detail: {
      toolCallId: call.toolCallId,
      turn: call.turn,
      idempotent: call.idempotent,
      error: call.errorCode === null ? null : { code: call.errorCode, detail: call.errorText ?? '' },
      ...(edit === undefined ? {} : { editedBy: edit.decidedBy, from: call.input, to: call.editedInput }),
    },
  };
}

/** From the question until somebody decided it, or nobody had to any more. */
function approvalEntry(approval: Approval): TimelineEntry {
  return {
    kind: 'approval',
    name: approval.toolName,
    startedAt: approval.createdAt.toISOString(),
    endedAt: approval.decidedAt?.toISOString() ?? null,
    status: approval.status,
    attempt: null,
    detail: {
      approvalId: approval.id,
      kind: approval.kind,
      toolCallId: approval.toolCallId,
      turn: approval.turn,
      decidedBy: approval.decidedBy,
      reason: approval.reason,
      ...(approval.editedInput === null ? {} : { from: approval.input, to: approval.editedInput }),
    },
  };
}

/** From the end of the attempt that suspended until the next one, or the end. */
function suspensionEntries(attempts: readonly Attempt[], execution: Execution): TimelineEntry[] {
  return attempts.flatMap((attempt, i) => {
    if (attempt.endReason !== 'suspended' || attempt.endedAt === null) return [];
    const resumedAt = attempts[i + 1]?.startedAt.toISOString() ?? execution.finishedAt;
    return {
      kind: 'suspension',
      name: 'suspended',
      startedAt: attempt.endedAt.toISOString(),
      endedAt: resumedAt,
      status: resumedAt === null ? 'waiting' : 'ended',
      attempt: attempt.attempt,
      detail: { reason: resumedAt === null ? execution.suspendedReason : null },
    };
  });
}

interface Cancel {
  mode: string | null;
  by: string | null;
}

async function readCancel(tx: Transaction, id: string): Promise<Cancel | undefined> {
  const { cancelMode: mode, cancelledBy: by } = workflowExecutions;
  const [cancel] = await tx
    .select({ mode, by })
    .from(workflowExecutions)
    .where(eq(workflowExecutions.id, id));
  return cancel;
}

function cancelEntries(execution: Execution, cancel: Cancel | undefined): TimelineEntry[] {
  if (execution.status !== 'cancelled' || execution.finishedAt === null) return [];
  return [
    {
      kind: 'cancel',
      name: 'cancelled',
      startedAt: execution.finishedAt,
      endedAt: execution.finishedAt,
      status: 'completed',
      attempt: execution.attempt,
      detail: { reason: execution.cancelReason, mode: cancel?.mode ?? null, by: cancel?.by ?? null },
    },
  ];
}

function inOrder(a: TimelineEntry, b: TimelineEntry): number {
  if (a.startedAt !== b.startedAt) return a.startedAt < b.startedAt ? -1 : 1;
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}
