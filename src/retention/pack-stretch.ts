import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';

/** A packed row has about so many chunks and bytes at most: a reader takes whole rows. */
const PACKED_CHUNKS = 64;
const PACKED_BYTES = 32 * 1024;
/** What one statement takes on: a transaction of some 50 ms. */
const STRETCH_ROWS = 78 * PACKED_CHUNKS;
const STRETCH_BYTES = 8 * 1024 * 1024;
/** Neighbours further apart stay apart, so that what is between two chunks of a row fits a number of 31 bits. */
const GAP_MS = 3_600_000;

/** What became of a stretch of a log. */
export interface PackedStretch {
  /** Rows that were joined, and the rows that they are now. */
  rowsBefore: number;
  rowsAfter: number;
  /** Where to go on; undefined at the end of the log. */
  lastSeq: number | undefined;
}

/**
 * Joins the rows after `after` into packed ones, inside Postgres: the bytes never leave it. The first row of each
 * group takes in the others, which go, in one statement, so that every snapshot of a reader has the one form or
 * the other, whole. What is alone in its group stays as it is; so does a packed row (`at_offsets`).
 * The transaction holds the row of the execution, which is final: nobody else touches these rows.
 *
 * Only neighbours of one attempt and turn are joined, and a row that is large by itself is left alone. A group ends
 * at a multiple of 64 chunks from the start of the stretch, and within that of 32 KB: unlike a group that is filled
 * up greedily, that takes no recursion. `at_offsets` counts from the whole milliseconds that `/chunks` shows.
 */
export async function packStretch(
  tx: Transaction,
  executionNo: number,
  after: number,
): Promise<PackedStretch> {
  const { rows } = await tx.execute<Outcome>(sql`
    WITH found AS (
      SELECT ctid AS place, seq, n, attempt, turn, chunks, octet_length(chunks) AS bytes,
             floor(extract(epoch FROM created_at) * 1000)::bigint AS at_ms
      FROM outlast.stream_chunks
      WHERE execution_no = ${executionNo} AND seq > ${after} AND at_offsets IS NULL
      ORDER BY seq LIMIT ${STRETCH_ROWS}
    ), sized AS (
      SELECT *, n > ${PACKED_CHUNKS / 2} OR bytes > ${PACKED_BYTES / 2} AS is_large FROM found
    ), counted AS (
      SELECT *, sum(n) OVER so_far AS chunks_to,
             sum(CASE WHEN is_large THEN 0 ELSE bytes END) OVER so_far AS bytes_to,
             is_large OR lag(is_large) OVER so_far OR seq <> lag(seq + n) OVER so_far
               OR attempt <> lag(attempt) OVER so_far OR turn <> lag(turn) OVER so_far
               OR abs(at_ms - lag(at_ms) OVER so_far) > ${GAP_MS} AS is_apart
      FROM sized WINDOW so_far AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
    ), source AS (
      SELECT *, count(*) FILTER (WHERE is_apart) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS run
      FROM counted WHERE bytes_to < ${STRETCH_BYTES}
    ), placed AS (
      SELECT *, (chunks_to - 1) / ${PACKED_CHUNKS} AS part,
             sum(bytes) OVER (PARTITION BY run, (chunks_to - 1) / ${PACKED_CHUNKS} ORDER BY seq) AS part_bytes
      FROM source
    ), groups AS (
      SELECT count(*)::integer AS n, array_agg(at_ms ORDER BY seq) AS times,
             string_agg(chunks, E'\n' ORDER BY seq) FILTER (WHERE i = 1) AS chunks,
             array_agg(place ORDER BY seq) FILTER (WHERE i = 1) AS places
      FROM placed CROSS JOIN LATERAL unnest(array_fill(0, ARRAY[n])) WITH ORDINALITY AS one_chunk(_, i)
      GROUP BY run, part, (part_bytes - 1) / ${PACKED_BYTES}
      HAVING count(*) FILTER (WHERE i = 1) > 1
    ), packed AS (
      UPDATE outlast.stream_chunks c SET n = g.n, chunks = g.chunks, at_offsets = ARRAY(
        SELECT (at_ms - g.times[1])::integer FROM unnest(g.times) WITH ORDINALITY AS t(at_ms, i) ORDER BY i)
      FROM groups g WHERE c.ctid = g.places[1] RETURNING 1
    ), taken_in AS (
      DELETE FROM outlast.stream_chunks c USING (SELECT unnest(places[2:]) AS place FROM groups) AS others
      WHERE c.ctid = others.place RETURNING 1
    )
    SELECT (SELECT max(seq) FROM source) AS "lastSeq",
           (SELECT count(*) FROM found) < ${STRETCH_ROWS}
             AND (SELECT count(*) FROM found) = (SELECT count(*) FROM source) AS "isEnd",
           (SELECT count(*) FROM packed)::integer AS packed,
           (SELECT count(*) FROM taken_in)::integer AS "takenIn"`);
  const { lastSeq, isEnd, packed, takenIn } = rows[0] as Outcome;
  return { rowsBefore: packed + takenIn, rowsAfter: packed, lastSeq: isEnd ? undefined : lastSeq };
}

interface Outcome {
  readonly [column: string]: unknown;
  readonly lastSeq: number;
  readonly isEnd: boolean;
  readonly packed: number;
  readonly takenIn: number;
}
