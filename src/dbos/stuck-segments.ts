import { sql } from 'drizzle-orm';
import { AGENT_EXECUTION } from '../../workflows/register-workflows.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { Segment, Stuck } from '../executions/hand-over.ts';

/** A queued execution gets this long to show up in DBOS before it counts as stranded. */
const STRANDED_AFTER_MS = 2000;

/** The workflow of a segment; each id is used once. */
export function workflowId(executionId: string, segment: number): string {
  return `${executionId}:${segment}`;
}

/**
 * Executions whose segment nobody will run, or run on:
 * queued, and the workflow has ended, belongs to a process without a lease, or is missing (after a while, for whoever
 * created it may be about to start it; at once when no worker is left of those that could be);
 * running at `workerId`, who asks, and the workflow is missing or has ended, in whatever way. Each worker looks after
 * its own; those of the dead are found by their lease.
 */
export async function findStuckSegments(db: Database, workerId: string, limit: number): Promise<Stuck[]> {
  const { rows } = await db.orm.execute<{
    id: string;
    status: 'queued' | 'running';
    attempt: number;
    segment: number;
  }>(sql`
    SELECT e.id, e.status, e.attempt, e.segment
    FROM outlast.workflow_executions e
    LEFT JOIN dbos.workflow_status w ON w.workflow_uuid = e.id::text || ':' || e.segment
    WHERE e.segment > 0 AND (
      (e.status = 'queued' AND (
        w.status NOT IN ('ENQUEUED', 'DELAYED', 'PENDING')
        OR (w.status = 'PENDING'
          AND NOT EXISTS (SELECT 1 FROM outlast.workers k WHERE k.worker_id = w.executor_id))
        OR (w.workflow_uuid IS NULL
          AND (e.queued_at < clock_timestamp() - ${STRANDED_AFTER_MS} * interval '1 ms'
            OR NOT EXISTS (SELECT 1 FROM outlast.workers k WHERE k.started_at <= e.queued_at)))))
      OR (e.status = 'running' AND e.worker_id = ${workerId}
        AND (w.workflow_uuid IS NULL OR w.status NOT IN ('ENQUEUED', 'DELAYED', 'PENDING'))))
    LIMIT ${limit}`);
  return rows.map(({ id, ...row }) => ({ executionId: id, ...row }));
}

/** Deletes the workflows of segments with everything that hangs on them; DBOS's other tables have no foreign key. */
export async function discardSegments(tx: Transaction, segments: readonly Segment[]): Promise<void> {
  const ids = sql.param(segments.map(({ executionId, segment }) => workflowId(executionId, segment)));
  await tx.execute(sql`
    WITH inputs AS (DELETE FROM dbos.workflow_input WHERE workflow_uuid = ANY(${ids}::text[])),
         outputs AS (DELETE FROM dbos.workflow_output WHERE workflow_uuid = ANY(${ids}::text[])),
         steps AS (DELETE FROM dbos.operation_outputs WHERE workflow_uuid = ANY(${ids}::text[]))
    DELETE FROM dbos.workflow_status WHERE workflow_uuid = ANY(${ids}::text[])`);
}

/**
 * Workflows that are pending for ever: their process has no lease, and their execution is final or has a newer
 * segment. A process that died between the two commits leaves them.
 */
export async function findOrphanedSegments(db: Database, limit: number): Promise<Segment[]> {
  const { rows } = await db.orm.execute<{ execution_id: string; segment: number }>(sql`
    SELECT split_part(w.workflow_uuid, ':', 1) AS execution_id, split_part(w.workflow_uuid, ':', 2)::int AS segment
    FROM dbos.workflow_status w
    WHERE w.status = 'PENDING' AND w.name = ${AGENT_EXECUTION}
      AND NOT EXISTS (SELECT 1 FROM outlast.workers k WHERE k.worker_id = w.executor_id)
      AND NOT EXISTS (SELECT 1 FROM outlast.workflow_executions e
        WHERE e.id = split_part(w.workflow_uuid, ':', 1)::uuid
          AND e.segment = split_part(w.workflow_uuid, ':', 2)::int AND e.status IN ('queued', 'running'))
    LIMIT ${limit}`);
  return rows.map((row) => ({ executionId: row.execution_id, segment: row.segment }));
}
