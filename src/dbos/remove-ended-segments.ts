import { sql } from 'drizzle-orm';
import { AGENT_EXECUTION, DELIVER_NOTIFICATION } from '../../workflows/register-workflows.ts';
import type { Database } from '../db/database.ts';

/** Nothing reads an ended segment: our own tables have all that it did. The hour is for people who look. */
const KEPT_MS = 3_600_000;

/**
 * Deletes at most `limit` workflows of segments and deliveries that ended an hour ago, with everything that hangs on
 * them; DBOS itself never removes any. `completed_at` is by the database's clock, indexed, and null while a workflow
 * can run. A delivery whose process has no lease is never run on: its notification is sent again by another workflow.
 * @returns how many ended ones they were
 */
export async function removeEndedSegments(db: Database, limit: number): Promise<number> {
  const { rows } = await db.orm.execute<{ count: number }>(sql`
    WITH ended AS MATERIALIZED (
      SELECT workflow_uuid FROM dbos.workflow_status
      WHERE completed_at < (extract(epoch FROM now()) * 1000)::bigint - ${KEPT_MS}
        AND name IN (${AGENT_EXECUTION}, ${DELIVER_NOTIFICATION})
      ORDER BY completed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), lost AS MATERIALIZED (
      SELECT workflow_uuid FROM dbos.workflow_status
      WHERE status = 'PENDING' AND name = ${DELIVER_NOTIFICATION}
        AND NOT EXISTS (SELECT 1 FROM outlast.workers k WHERE k.worker_id = executor_id)
      LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), gone AS MATERIALIZED (
      SELECT workflow_uuid FROM ended UNION ALL SELECT workflow_uuid FROM lost
    ), inputs AS (
      DELETE FROM dbos.workflow_input WHERE workflow_uuid IN (SELECT workflow_uuid FROM gone)
    ), outputs AS (
      DELETE FROM dbos.workflow_output WHERE workflow_uuid IN (SELECT workflow_uuid FROM gone)
    ), steps AS (
      DELETE FROM dbos.operation_outputs WHERE workflow_uuid IN (SELECT workflow_uuid FROM gone)
    ), workflows AS (
      DELETE FROM dbos.workflow_status WHERE workflow_uuid IN (SELECT workflow_uuid FROM gone) RETURNING 1
    )
    SELECT (SELECT count(*) FROM ended)::integer AS count`);
  return rows[0]?.count ?? 0;
}
