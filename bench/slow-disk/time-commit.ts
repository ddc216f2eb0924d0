import { type Database, runQuery } from '../../src/db/database.ts';
import { median } from '../stats/percentile.ts';

const TIMES = 100;

/** Milliseconds of a commit that changes one row, by the median: mostly what a flush takes. */
export async function timeCommit(db: Database): Promise<number> {
  await runQuery(db, {
    name: 'bench-table',
    text: 'CREATE TABLE IF NOT EXISTS commit_times (n int)',
    values: [],
  });
  const times: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const startedAt = performance.now();
    await runQuery(db, {
      name: 'bench-commit',
      text: 'INSERT INTO commit_times VALUES ($1)',
      values: [i],
    });
    times.push(performance.now() - startedAt);
  }
  return median(times);
}
