import { type Database, runQuery } from '../../src/db/database.ts';
import type { Faults } from './outcome.ts';

/*
 * The chunks of each log in the order in which they stand, each held against the one that should stand there. A
 * chunk that is there but elsewhere is out of order, one that is there again is doubled.
 */
const CHECK = `
WITH stored AS (
  SELECT c.execution_no, c.seq + line.i - 1 AS seq, substr(line.chunk, 31, 7)::int AS made
  FROM outlast.stream_chunks c, string_to_table(c.chunks, E'\\n') WITH ORDINALITY AS line(chunk, i)
  WHERE c.execution_no = ANY($1::bigint[])
), counted AS (
  SELECT execution_no, count(*) AS stored, count(DISTINCT made) AS different,
         count(*) FILTER (WHERE seq <> made + 1) AS elsewhere
  FROM stored GROUP BY execution_no
)
SELECT sum(sent - coalesce(different, 0))::int AS lost, coalesce(sum(stored - different), 0)::int AS doubled,
       coalesce(sum(elsewhere), 0)::int AS disordered
FROM unnest($1::bigint[], $2::int[]) AS e(no, sent) LEFT JOIN counted ON execution_no = e.no`;

/** Holds what the table has against what was sent to it: chunk 0, 1, 2 … of each execution, at seq 1, 2, 3 … */
export async function checkStoredLog(
  db: Database,
  executionNos: readonly number[],
  sent: readonly number[],
): Promise<Faults> {
  const values = [executionNos, sent];
  const [faults] = await runQuery<Faults>(db, { name: 'bench-check', text: CHECK, values });
  return faults ?? { lost: Number.NaN, doubled: Number.NaN, disordered: Number.NaN };
}
