import { sql } from 'drizzle-orm';
import { type Database, type Executor, runQuery } from '../db/database.ts';
import { type Chunk } from './chunk.ts';
import { endOf, type LogRow, linesAfter } from './row.ts';

const PAGE_ROWS = 1000;
/** What one reader may hold of a log: it may stand still with a page in hand. */
const READER_PAGE_BYTES = 64 * 1024;
const WHOLE_LOG_PAGE_BYTES = 512 * 1024;

/*
 * Starts at the row with the greatest seq ≤ cursor + 1, which may hold the cursor in its middle. The window
 * bounds a page in bytes but always lets one row through; octet_length does not fetch what is stored out of line.
 */
const PAGE = `
SELECT seq, n, attempt, turn, chunks FROM (
  SELECT seq, n, attempt, turn, chunks,
         sum(octet_length(chunks)) OVER (ORDER BY seq) - octet_length(chunks) AS bytes_before
  FROM (
    SELECT seq, n, attempt, turn, chunks FROM outlast.stream_chunks
    WHERE execution_no = $1
      AND seq >= coalesce((SELECT max(seq) FROM outlast.stream_chunks WHERE execution_no = $1 AND seq <= $2 + 1), 1)
    ORDER BY seq LIMIT ${PAGE_ROWS}
  ) AS page
) AS bounded
WHERE bytes_before < $3 AND seq + n - 1 > $2
ORDER BY seq`;

/** The next rows after `cursor`, at least one if there is any, at most 1,000 or some `bytes`. */
export async function readPage(
  db: Database,
  executionNo: number,
  cursor: number,
  bytes = READER_PAGE_BYTES,
): Promise<LogRow[]> {
  return runQuery<{ seq: number; n: number; attempt: number; turn: number; chunks: string }>(db, {
    name: 'log-page',
    text: PAGE,
    values: [executionNo, cursor, bytes],
  });
}

/** Every chunk of a log in order, parsed, and its last seq (0 when empty). */
export async function readWholeLog(
  db: Database,
  executionNo: number,
): Promise<{ chunks: Chunk[]; lastSeq: number }> {
  const chunks: Chunk[] = [];
  for (let lastSeq = 0; ; ) {
    const rows = await readPage(db, executionNo, lastSeq, WHOLE_LOG_PAGE_BYTES);
    const last = rows.at(-1);
    if (last === undefined) return { chunks, lastSeq };
    for (const line of linesAfter(rows, lastSeq)) chunks.push(JSON.parse(line.chunk) as Chunk);
    lastSeq = endOf(last);
  }
}

/** The seq of the last chunk in the log; 0 when it is empty. */
export async function readLastSeq(db: Executor, executionNo: number): Promise<number> {
  return (await readLogEnd(db, executionNo)).lastSeq;
}

/** Where a log ends: its last seq, and the turn of that; 0 when it is empty. Turns count from 1, `start` is turn 0. */
export async function readLogEnd(
  db: Executor,
  executionNo: number,
): Promise<{ lastSeq: number; lastTurn: number }> {
  const { rows } = await db.execute<{ last: number; turn: number }>(sql`
    SELECT seq + n - 1 AS last, turn FROM outlast.stream_chunks
    WHERE execution_no = ${executionNo} ORDER BY seq DESC LIMIT 1`);
  return { lastSeq: rows[0]?.last ?? 0, lastTurn: rows[0]?.turn ?? 0 };
}

/** True when this very row is in the log: how a writer learns what a lost connection left behind. */
export async function isInLog(db: Executor, executionNo: number, row: LogRow): Promise<boolean> {
  const { rows } = await db.execute<{ attempt: number; chunks: string }>(sql`
    SELECT attempt, chunks FROM outlast.stream_chunks WHERE execution_no = ${executionNo} AND seq = ${row.seq}`);
  return rows[0] !== undefined && rows[0].attempt === row.attempt && rows[0].chunks === row.chunks;
}
