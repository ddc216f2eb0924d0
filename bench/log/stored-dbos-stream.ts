import { type Database, runQuery } from '../../src/db/database.ts';
import type { Faults } from './outcome.ts';

const CHECK = `
WITH stored AS (
  SELECT workflow_uuid AS id, "offset" AS seq, substring(value FROM 't1\\.(\\d{7})')::int AS made
  FROM dbos.streams WHERE workflow_uuid = ANY($1::text[]) AND value LIKE '%text-delta%'
), counted AS (
  SELECT id, count(*) AS stored, count(DISTINCT made) AS different, count(*) FILTER (WHERE seq <> made) AS elsewhere
  FROM stored GROUP BY id
)
SELECT sum(sent - coalesce(different, 0))::int AS lost, coalesce(sum(stored - different), 0)::int AS doubled,
       coalesce(sum(elsewhere), 0)::int AS disordered
FROM unnest($1::text[], $2::int[]) AS e(id, sent) LEFT JOIN counted USING (id)`;

/** The same question to the table of DBOS's streams. */
export async function checkStoredDbosStreams(
  db: Database,
  ids: readonly string[],
  sent: readonly number[],
): Promise<Faults> {
  const [faults] = await runQuery<Faults>(db, { name: 'bench-check-dbos', text: CHECK, values: [ids, sent] });
  return faults ?? { lost: Number.NaN, doubled: Number.NaN, disordered: Number.NaN };
}
