import type pg from 'pg';

/** What the table of the log takes, and what there is to clean up in it. */
export interface TableState {
  /** Bytes on disk: heap and what is stored out of line, and the index. */
  readonly heap: number;
  readonly index: number;
  readonly deadRows: number;
  readonly autovacuums: number;
}

const STATE = `
SELECT pg_table_size('outlast.stream_chunks')::float8 AS heap, pg_indexes_size('outlast.stream_chunks')::float8 AS index,
       n_dead_tup::float8 AS "deadRows", autovacuum_count::float8 AS autovacuums
FROM pg_stat_all_tables WHERE relid = 'outlast.stream_chunks'::regclass`;

export async function readTable(client: pg.Client): Promise<TableState> {
  const { rows } = await client.query<TableState>(STATE);
  if (rows[0] === undefined) throw new Error('There is no table of the log');
  return rows[0];
}

/** What a stretch of work took. */
export interface Cost {
  readonly ms: number;
  readonly walBytes: number;
}

/** Does something and says what it took, the WAL of everybody else in that time included. */
export async function costOf(client: pg.Client, work: () => Promise<unknown>): Promise<Cost> {
  const before = await walPosition(client);
  const startedAt = performance.now();
  await work();
  return { ms: performance.now() - startedAt, walBytes: (await walPosition(client)) - before };
}

async function walPosition(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
  );
  return rows[0]?.bytes ?? 0;
}
