import { sql } from 'drizzle-orm';
import { type LoggedChunk, listChunks } from '../../src/chunks/list-chunks.ts';
import { readPage } from '../../src/chunks/read-rows.ts';
import { chunksAfter, endOf, type LogRow, type ReadChunk } from '../../src/chunks/row.ts';
import type { Database } from '../../src/db/database.ts';
import { packLogs } from '../../src/retention/pack-logs.ts';
import { addTo, type Batches, emptyTally, type Tally } from '../../src/retention/tally.ts';
import { insertRunning } from '../support/log-database.ts';
import { silentLog } from '../support/silent-log.ts';

/** A row as a worker left it, and when. */
export interface TimedRow extends LogRow {
  readonly at: Date;
}

export interface FinalExecution {
  readonly id: string;
  readonly no: number;
}

/** An execution that ended `agoMs` ago with this log. */
export async function insertFinal(
  db: Database,
  rows: readonly TimedRow[],
  agoMs = 120_000,
): Promise<FinalExecution> {
  const { executionId: id, executionNo: no } = await insertRunning(db);
  await insertTimed(db, no, rows);
  await makeFinal(db, id, rows, agoMs);
  return { id, no };
}

/** Ends an execution that has this log, as if it had ended `agoMs` ago. */
export async function makeFinal(
  db: Database,
  id: string,
  rows: readonly TimedRow[],
  agoMs: number,
): Promise<void> {
  const last = rows.at(-1);
  await db.orm.execute(sql`
    UPDATE outlast.workflow_executions SET status = 'completed', worker_id = NULL,
      last_seq = ${last === undefined ? 0 : endOf(last)},
      finished_at = clock_timestamp() - ${agoMs} * interval '1 ms'
    WHERE id = ${id}`);
}

export async function insertTimed(db: Database, no: number, rows: readonly TimedRow[]): Promise<void> {
  await db.pool.query(
    `INSERT INTO outlast.stream_chunks (execution_no, tenant_id, attempt, seq, n, turn, chunks, created_at)
     SELECT $1, 'default', * FROM unnest($2::int[], $3::int[], $4::int[], $5::int[], $6::text[], $7::timestamptz[])`,
    [
      no,
      rows.map((row) => row.attempt),
      rows.map((row) => row.seq),
      rows.map((row) => row.n),
      rows.map((row) => row.turn),
      rows.map((row) => row.chunks),
      rows.map((row) => row.at),
    ],
  );
}

/** Rows of one small chunk each, a few milliseconds apart. */
export function smallRows(count: number, first = 1): TimedRow[] {
  return Array.from({ length: count }, (_, i) => ({
    seq: first + i,
    n: 1,
    attempt: 1,
    turn: 1,
    chunks: JSON.stringify({ type: 'text-delta', id: 't', delta: ` ${first + i}` }),
    at: new Date(1_790_000_000_000 + (first + i) * 7),
  }));
}

/** Every chunk from `cursor` on, as readers of the stream get them. */
export async function pagesFrom(db: Database, no: number, cursor: number): Promise<ReadChunk[]> {
  const chunks: ReadChunk[] = [];
  for (let after = cursor; ; ) {
    const page = await readPage(db, no, after, 64 * 1024);
    if (page === undefined) return chunks;
    chunks.push(...chunksAfter(page, after));
    after = endOf(page);
  }
}

/** Every chunk from `cursor` on, as `/chunks` shows them in pages of `limit`. */
export async function listFrom(
  db: Database,
  no: number,
  cursor: number,
  limit: number,
): Promise<LoggedChunk[]> {
  const all: LoggedChunk[] = [];
  for (let after = cursor; ; ) {
    const page = await listChunks(db.orm, no, { after, limit });
    const last = page.at(-1);
    if (last === undefined) return all;
    all.push(...page);
    after = last.seq;
  }
}

/** The log as the view for people has it. */
export async function viewOf(db: Database, no: number): Promise<unknown[]> {
  const { rows } = await db.orm.execute(sql`
    SELECT execution_id, seq, attempt, turn, created_at, chunk FROM outlast.stream_chunk_lines
    WHERE execution_no = ${no} ORDER BY seq`);
  return rows;
}

/** What is left of a log in the table. */
export async function rowsOf(
  db: Database,
  no: number,
): Promise<{ seq: number; n: number; packed: boolean }[]> {
  const { rows } = await db.orm.execute<{ seq: number; n: number; packed: boolean }>(sql`
    SELECT seq, n, at_offsets IS NOT NULL AS packed FROM outlast.stream_chunks
    WHERE execution_no = ${no} ORDER BY seq`);
  return rows;
}

export function pack(db: Database): Batches {
  return packLogs({ db, logger: silentLog, packAfterMs: 60_000 });
}

/** Does all the batches there are. */
export async function finish(batches: Batches): Promise<Tally> {
  const total = emptyTally();
  for await (const done of batches) addTo(total, done);
  return total;
}
