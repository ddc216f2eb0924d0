import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { type LogRow, linesAfter } from './row.ts';

/** One row of the log as JSON. */
export const loggedChunkSchema = z
  .object({
    seq: z.int(),
    attempt: z.int(),
    turn: z.int(),
    at: z.iso.datetime(),
    chunk: z.looseObject({ type: z.string() }).meta({ description: 'An AI SDK UI message chunk.' }),
  })
  .meta({ id: 'LoggedChunk' });

export type LoggedChunk = z.output<typeof loggedChunkSchema>;

/** Bytes of one answer, by which it may have fewer chunks than asked for. */
const PAGE_BYTES = 4 * 1024 * 1024;

interface StoredRow extends LogRow {
  readonly [column: string]: unknown;
  /** When its first chunk was committed, in whole milliseconds. */
  readonly at_ms: number;
  /** Of a packed row: how much later than that each of its chunks was. */
  readonly at_offsets: readonly number[] | null;
}

/** The chunks after `after`, at least one if there is any, at most `limit`. */
export async function listChunks(
  db: Executor,
  executionNo: number,
  { after, limit }: { after: number; limit: number },
): Promise<LoggedChunk[]> {
  const rows = await readRows(db, executionNo, after, limit);
  const lines = rows.flatMap((row) =>
    linesAfter([row], after).map((line) => ({ line, at: timeOf(row, line.seq) })),
  );
  return lines.slice(0, limit).map(({ line, at }) => ({
    seq: line.seq,
    attempt: line.attempt,
    turn: line.turn,
    at: new Date(at).toISOString(),
    chunk: JSON.parse(line.chunk) as LoggedChunk['chunk'],
  }));
}

function timeOf(row: StoredRow, seq: number): number {
  return row.at_ms + (row.at_offsets?.[seq - row.seq] ?? 0);
}

async function readRows(
  db: Executor,
  executionNo: number,
  after: number,
  limit: number,
): Promise<StoredRow[]> {
  const { rows } = await db.execute<StoredRow & Record<string, unknown>>(sql`
    SELECT seq, n, attempt, turn, chunks, at_ms, at_offsets FROM (
      SELECT seq, n, attempt, turn, chunks, at_offsets,
             floor(extract(epoch FROM created_at) * 1000)::float8 AS at_ms,
             sum(octet_length(chunks)) OVER (ORDER BY seq) - octet_length(chunks) AS bytes_before
      FROM outlast.stream_chunks
      WHERE execution_no = ${executionNo} AND seq <= ${after + limit}
        AND seq >= coalesce((SELECT max(seq) FROM outlast.stream_chunks
                             WHERE execution_no = ${executionNo} AND seq <= ${after + 1}), 1)
    ) AS page
    WHERE bytes_before < ${PAGE_BYTES} AND seq + n - 1 > ${after}
    ORDER BY seq`);
  return rows;
}
