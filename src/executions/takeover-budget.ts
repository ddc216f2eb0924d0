import { sql } from 'drizzle-orm';
import type { Next } from '../../workflows/steps.ts';
import type { Executor } from '../db/database.ts';
import type { ClaimedExecution } from './claim-execution.ts';

/**
 * Ends an execution that kills its workers: one that makes the process run out of memory, say, would otherwise take
 * one after the other down with it, for ever.
 * @returns undefined while it may go on
 */
export async function checkTakeoverBudget(
  db: Executor,
  { id, attempt }: ClaimedExecution,
  maxTakeovers: number,
): Promise<Next | undefined> {
  if (attempt <= maxTakeovers) return undefined;
  const deaths = await countDeaths(db, id);
  if (deaths < maxTakeovers) return undefined;
  const detail = `Its worker died ${deaths} times, and no turn or tool call was finished in between`;
  return { do: 'finish', outcome: { status: 'failed', code: 'takeover-budget-exhausted', detail } };
}

/** How often a worker has died under it since it last got on, or a person wanted it to go on. */
async function countDeaths(db: Executor, executionId: string): Promise<number> {
  const { rows } = await db.execute<{ deaths: number }>(sql`
    SELECT count(*)::int AS deaths FROM outlast.execution_attempts
    WHERE execution_id = ${executionId} AND end_reason IN ('crashed', 'lease-lost')
      AND ended_at > coalesce(greatest(
        (SELECT max(ended_at) FROM outlast.execution_turns WHERE execution_id = ${executionId}),
        (SELECT max(ended_at) FROM outlast.tool_calls WHERE execution_id = ${executionId}),
        (SELECT max(decided_at) FROM outlast.approvals WHERE execution_id = ${executionId})), '-infinity')`);
  return rows[0]?.deaths ?? 0;
}
