import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { executionAttempts, workflowExecutions } from '../db/schema.ts';
import type { Dispatch } from './dispatch.ts';

/** Why a worker's time with an execution ended. */
export const END_REASONS = [
  'crashed',
  'lease-lost',
  'drained',
  'suspended',
  'completed',
  'failed',
  'cancelled',
] as const;

export type EndReason = (typeof END_REASONS)[number];

/** Takes back the DBOS workflow of a segment that is superseded. */
export type DiscardSegment = (tx: Transaction, executionId: string, segment: number) => Promise<void>;

/** An execution that cannot go on by itself, and how it was when it was found. */
export interface Stuck {
  executionId: string;
  status: 'running' | 'queued' | 'suspended';
  attempt: number;
  segment: number;
}

export interface HandedOver {
  /** To be called after the commit. */
  launch: () => void;
  /** Why the attempt ended that was under way; undefined if none was. */
  endReason: EndReason | undefined;
}

/**
 * Gives an execution to whoever takes its next segment: one mechanism for takeover, drain and healing. The old
 * owner, if it still breathes, is refused from the commit on, for the attempt has moved.
 * @param from what the execution must still be: moved on by somebody else, it is left alone.
 * @param reason why its attempt ended, unless whoever buried its worker has written that down already.
 * @returns undefined when there was nothing to hand over.
 */
export async function handOver(
  tx: Transaction,
  dispatch: Dispatch,
  discard: DiscardSegment,
  from: Stuck,
  reason: EndReason,
): Promise<HandedOver | undefined> {
  const moved = await tx
    .update(workflowExecutions)
    .set({
      status: 'queued',
      workerId: null,
      suspendedReason: null,
      attempt: sql`${workflowExecutions.attempt} + 1`,
      segment: sql`${workflowExecutions.segment} + 1`,
      queuedAt: sql`clock_timestamp()`,
    })
    .where(
      and(
        eq(workflowExecutions.id, from.executionId),
        eq(workflowExecutions.status, from.status),
        eq(workflowExecutions.attempt, from.attempt),
      ),
    )
    .returning({ segment: workflowExecutions.segment });
  const segment = moved[0]?.segment;
  if (segment === undefined) return undefined;
  await endAttempt(tx, from.executionId, from.attempt, reason);
  await discard(tx, from.executionId, from.segment);
  const endReason = from.status === 'running' ? await reasonOf(tx, from) : undefined;
  return { launch: await dispatch(tx, from.executionId, segment), endReason };
}

async function reasonOf(tx: Transaction, { executionId, attempt }: Stuck): Promise<EndReason | undefined> {
  const [ended] = await tx
    .select({ endReason: executionAttempts.endReason })
    .from(executionAttempts)
    .where(and(eq(executionAttempts.executionId, executionId), eq(executionAttempts.attempt, attempt)));
  return (ended?.endReason ?? undefined) as EndReason | undefined;
}

/** Closes the record of an attempt, for the timeline. */
export async function endAttempt(
  tx: Transaction,
  executionId: string,
  attempt: number,
  reason: EndReason,
): Promise<void> {
  await tx
    .update(executionAttempts)
    .set({ endedAt: sql`clock_timestamp()`, endReason: reason })
    .where(
      and(
        eq(executionAttempts.executionId, executionId),
        eq(executionAttempts.attempt, attempt),
        sql`${executionAttempts.endedAt} IS NULL`,
      ),
    );
}
