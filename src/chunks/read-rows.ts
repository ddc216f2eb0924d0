import { sql } from 'drizzle-orm';
import { type Database, type Executor, runQuery } from '../db/database.ts';
import type { Chunk } from './chunk.ts';
import { type ChunkRun, chunksAfter, endOf, type LogRow } from './row.ts';

/** A page is not looked for in more rows than it is likely to hold: a chunk of one word has some 60 bytes. */
const ROW_BYTES = 64;
/** Of what is read at once when nobody waits for it with a page in hand. */
export const LARGE_PAGE_BYTES = 512 * 1024;

/*
 * Starts at the row with the greatest seq ≤ cursor + 1, which may hold the cursor in its middle. The window
 * bounds a page in bytes but always lets one row through; octet_length does not fetch what is stored out of line.
 * The rows are joined by Postgres: taking 10,000 of them apart and together again here takes longer than the rest.
 */
const PAGE = `
SELECT min(seq) AS seq, sum(n)::int AS n, max(seq + n) AS next, string_agg(chunks, E'\\n' ORDER BY seq) AS chunks
FROM (
  SELECT seq, n, chunks,
         sum(octet_length(chunks)) OVER (ORDER BY seq) - octet_length(chunks) AS bytes_before
  FROM (
    SELECT seq, n, chunks FROM outlast.stream_chunks
    WHERE execution_no = $1
      AND seq >= coalesce((SELECT max(seq) FROM outlast.stream_chunks WHERE execution_no = $1 AND seq <= $2 + 1), 1)
    ORDER BY seq LIMIT $4
  ) AS page
) AS bounded
WHERE bytes_before < $3 AND seq + n - 1 > $2
HAVING count(*) > 0`;

interface Page extends ChunkRun {
  /** What comes after its last chunk. */
  readonly next: number;
}

/** What comes after `cursor`, in one run: at least one row if there is any, at most some `bytes`. */
export async function readPage(
  db: Database,
  executionNo: number,
  cursor: number,
  bytes: number,
): Promise<ChunkRun | undefined> {
  const query = {
    name: 'log-page',
    text: PAGE,
    values: [executionNo, cursor, bytes, Math.ceil(bytes / ROW_BYTES)],
  };
  const [page] = await runQuery<Page>(db, query);
  if (page !== undefined && page.next !== page.seq + page.n) {
    throw new Error(`The log of execution no ${executionNo} has a gap between ${page.seq} and ${page.next}`);
  }
  return page;
}

/** Every chunk of a log in order, parsed, and its last seq (0 when empty). */
export async function readWholeLog(
  db: Database,
  executionNo: number,
): Promise<{ chunks: Chunk[]; lastSeq: number }> {
  const chunks: Chunk[] = [];
  for (let lastSeq = 0; ; ) {
    const page = await readPage(db, executionNo, lastSeq, LARGE_PAGE_BYTES);
    if (page === undefined) return { chunks, lastSeq };
    for (const { chunk } of chunksAfter(page, lastSeq)) chunks.push(JSON.parse(chunk) as Chunk);
    lastSeq = endOf(page);
  }
}

/** The whole log with one query, for those who look at it inside a transaction. */
export async function readAllRows(db: Executor, executionNo: number): Promise<LogRow[]> {
  const { rows } = await db.execute<LogRow & Record<string, unknown>>(sql`
    SELECT seq, n, attempt, turn, chunks FROM outlast.stream_chunks
    WHERE execution_no = ${executionNo} ORDER BY seq`);
  return rows;
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
