import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { executionAttempts } from '../db/schema.ts';
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

/** A segment of an execution. */
export interface Segment {
  executionId: string;
  segment: number;
}

/** Takes back the DBOS workflows of segments that are superseded. */
export type DiscardSegments = (tx: Transaction, segments: readonly Segment[]) => Promise<void>;

/** An execution that cannot go on by itself, and how it was when it was found. */
export interface Stuck extends Segment {
  status: 'running' | 'queued' | 'suspended';
  attempt: number;
}

export interface HandedOver {
  from: Stuck;
  threadNo: number;
  /** To be called after the commit. */
  launch: () => void;
  /** Why the attempt ended that was under way; undefined if none was. */
  endReason: EndReason | undefined;
}

/**
 * Gives executions to whoever takes their next segments: one mechanism for takeover, drain and healing. The old
 * owner, if it still breathes, is refused from the commit on, for the attempt has moved.
 * @param stuck what the executions must still be: what was moved on by somebody else is left alone.
 * @param reason why their attempts ended, unless whoever buried the worker has written that down already.
 * @returns those that were handed over
 */
export async function handOver(
  tx: Transaction,
  dispatch: Dispatch,
  discard: DiscardSegments,
  stuck: readonly Stuck[],
  reason: EndReason,
): Promise<HandedOver[]> {
  const ended = await moveOn(tx, stuck, reason);
  const moved = stuck.filter(({ executionId }) => ended.has(executionId));
  if (moved.length === 0) return [];
  await discard(tx, moved);
  const handed: HandedOver[] = [];
  for (const from of moved) {
    const launch = await dispatch(tx, from.executionId, from.segment + 1);
    handed.push({ from, launch, ...(ended.get(from.executionId) as Moved) });
  }
  return handed;
}

type Moved = Pick<HandedOver, 'threadNo' | 'endReason'>;

/**
 * All with one statement: a worker that died may have left hundreds, and each of them waits for all before it. Locked
 * in the order of their ids, so that two sweepers cannot block each other.
 */
async function moveOn(
  tx: Transaction,
  stuck: readonly Stuck[],
  reason: EndReason,
): Promise<Map<string, Moved>> {
  const { rows } = await tx.execute<{ id: string; thread_no: string; end_reason: EndReason | null }>(sql`
    WITH due AS (
      SELECT e.id, e.attempt, e.status FROM outlast.workflow_executions e
      JOIN unnest(${sql.param(stuck.map((one) => one.executionId))}::uuid[],
                  ${sql.param(stuck.map((one) => one.status))}::text[],
                  ${sql.param(stuck.map((one) => one.attempt))}::int[]) AS was(id, status, attempt)
        ON e.id = was.id AND e.status = was.status AND e.attempt = was.attempt
      ORDER BY e.id FOR UPDATE OF e
    ), moved AS (
      UPDATE outlast.workflow_executions e
      SET status = 'queued', worker_id = NULL, suspended_reason = NULL, attempt = e.attempt + 1,
          segment = e.segment + 1, queued_at = clock_timestamp()
      FROM due WHERE e.id = due.id
      RETURNING e.id, e.thread_no, due.attempt, due.status
    ), ended AS (
      UPDATE outlast.execution_attempts a
      SET ended_at = coalesce(a.ended_at, clock_timestamp()), end_reason = coalesce(a.end_reason, ${reason})
      FROM moved WHERE a.execution_id = moved.id AND a.attempt = moved.attempt AND moved.status = 'running'
      RETURNING a.execution_id, a.end_reason
    )
    SELECT moved.id, moved.thread_no, ended.end_reason FROM moved LEFT JOIN ended ON ended.execution_id = moved.id`);
  return new Map(
    rows.map((row) => [row.id, { threadNo: Number(row.thread_no), endReason: row.end_reason ?? undefined }]),
  );
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
