import { sql } from 'drizzle-orm';
import { type Database, runQuery, type Transaction } from '../db/database.ts';
import type { LogRow } from './row.ts';

/** Whose log a row belongs to. */
export interface LogOwner {
  readonly executionId: string;
  readonly executionNo: number;
  readonly tenantId: string;
  /** The fence: rows are only taken while this is the execution's attempt and it is running (L4). */
  readonly attempt: number;
}

export interface OwnedRow {
  readonly owner: LogOwner;
  readonly row: LogRow;
}

/*
 * The fence is joined once per execution, not per chunk. SHARE conflicts with the row lock that every claim,
 * takeover and cancel takes: a plain join would let an old row in after a claim, KEY SHARE would not fence, and
 * waiting for the lock would stall the batch of everybody else (1.49 ms without, 1.86 ms with, for 500 rows).
 * One execution's rows are all in or all out, since all hang on one fence row.
 */
const FENCED_INSERT = `
WITH input AS (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[], $7::text[])
    AS t(execution_no, tenant_id, attempt, seq, n, turn, chunks)
), fence AS (
  SELECT e.no, e.attempt
  FROM outlast.workflow_executions e
  WHERE (e.no, e.attempt) IN (SELECT DISTINCT execution_no, attempt FROM input) AND e.status = 'running'
  FOR SHARE SKIP LOCKED
)
INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, seq, n, turn, chunks, created_at)
SELECT i.execution_no, i.tenant_id, i.attempt, i.seq, i.n, i.turn, i.chunks, clock_timestamp()
FROM input i JOIN fence f ON f.no = i.execution_no AND f.attempt = i.attempt
RETURNING execution_no`;

/**
 * Inserts the rows of many executions with one statement and one commit. A row goes in only under the fence.
 * @returns the numbers of the executions whose rows are in; the others were locked or have a newer owner.
 */
export async function insertFenced(db: Database, batch: readonly OwnedRow[]): Promise<Set<number>> {
  const rows = await runQuery<{ execution_no: string }>(db, {
    name: 'log-append',
    text: FENCED_INSERT,
    values: [
      batch.map((item) => item.owner.executionNo),
      batch.map((item) => item.owner.tenantId),
      batch.map((item) => item.owner.attempt),
      batch.map((item) => item.row.seq),
      batch.map((item) => item.row.n),
      batch.map((item) => item.row.turn),
      batch.map((item) => item.row.chunks),
    ],
  });
  return new Set(rows.map((row) => Number(row.execution_no)));
}

/** Inserts rows in a transaction that already holds the execution's row, which is the fence. */
export async function insertInTransaction(
  tx: Transaction,
  owner: LogOwner,
  rows: readonly LogRow[],
): Promise<void> {
  for (const row of rows) {
    await tx.execute(sql`
      INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, seq, n, turn, chunks, created_at)
      VALUES (${owner.executionNo}, ${owner.tenantId}, ${owner.attempt}, ${row.seq}, ${row.n}, ${row.turn},
              ${row.chunks}, clock_timestamp())`);
  }
}

/** Which of these executions are still run under the attempt given. */
export async function stillOwned(db: Database, owners: readonly LogOwner[]): Promise<Set<number>> {
  const rows = await runQuery<{ no: string }>(db, {
    name: 'log-still-owned',
    text: `SELECT e.no FROM outlast.workflow_executions e
           JOIN unnest($1::bigint[], $2::int[]) AS o(no, attempt) ON o.no = e.no AND o.attempt = e.attempt
           WHERE e.status = 'running'`,
    values: [owners.map((owner) => owner.executionNo), owners.map((owner) => owner.attempt)],
  });
  return new Set(rows.map((row) => Number(row.no)));
}
