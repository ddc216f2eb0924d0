import { sql } from 'drizzle-orm';
import { AGENT_EXECUTION } from '../../workflows/register-workflows.ts';
import type { Database } from '../db/database.ts';

/** Nothing reads an ended segment: our own tables have all that it did. The hour is for people who look. */
const KEPT_MS = 3_600_000;

/**
 * Deletes at most `limit` workflows of segments that ended an hour ago, with everything that hangs on them; DBOS
 * itself never removes any. `completed_at` is by the database's clock, indexed, and null while a workflow can run.
 * @returns how many they were
 */
export async function removeEndedSegments(db: Database, limit: number): Promise<number> {
  const { rows } = await db.orm.execute<{ count: number }>(sql`
    WITH ended AS MATERIALIZED (
      SELECT workflow_uuid FROM dbos.workflow_status
      WHERE completed_at < (extract(epoch FROM now()) * 1000)::bigint - ${KEPT_MS}
        AND name = ${AGENT_EXECUTION}
      ORDER BY completed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), inputs AS (
      DELETE FROM dbos.workflow_input WHERE workflow_uuid IN (SELECT workflow_uuid FROM ended)
    ), outputs AS (
      DELETE FROM dbos.workflow_output WHERE workflow_uuid IN (SELECT workflow_uuid FROM ended)
    ), steps AS (
      DELETE FROM dbos.operation_outputs WHERE workflow_uuid IN (SELECT workflow_uuid FROM ended)
    ), workflows AS (
      DELETE FROM dbos.workflow_status WHERE workflow_uuid IN (SELECT workflow_uuid FROM ended) RETURNING 1
    )
    SELECT count(*)::integer AS count FROM workflows`);
  return rows[0]?.count ?? 0;
}
