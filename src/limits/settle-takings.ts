import { type Database, runQuery } from '../db/database.ts';

/**
 * In the order of the keys, so that two processes do not wait for each other. p50 0.12 ms for a key, 9 ms for 1000, on
 * two busy cores; 2.3 ms for a key in a table that is logged.
 */
const SETTLE = `
INSERT INTO outlast.rate_limits AS r (key, free_at)
SELECT key, statement_timestamp() + ms * interval '1 millisecond'
FROM unnest($1::text[], $2::float8[]) AS taken (key, ms) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET free_at = greatest(r.free_at, statement_timestamp()) + (excluded.free_at - statement_timestamp())
RETURNING key, extract(epoch FROM free_at - clock_timestamp())::float8 * 1000 AS debt`;

/**
 * Adds what was taken here to what everybody took.
 * @param taken milliseconds by key
 * @returns in how many milliseconds each is free again, by the clock of the database
 */
export async function settleTakings(
  db: Database,
  taken: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const values = [[...taken.keys()], [...taken.values()]];
  const rows = await runQuery<{ key: string; debt: number }>(db, {
    name: 'settle-takings',
    text: SETTLE,
    values,
  });
  return new Map(rows.map(({ key, debt }) => [key, Math.max(0, debt)]));
}
