import { type Chunk, serializeChunk } from './chunk.ts';
import { coalesce } from './coalesce.ts';

/** A row of `stream_chunks`: `n` neighbours from `seq` on, serialised and joined by newlines. */
export interface LogRow {
  readonly seq: number;
  readonly n: number;
  readonly attempt: number;
  readonly turn: number;
  readonly chunks: string;
}

/** One chunk of the log with its position: what a reader gets. */
export interface LogLine {
  readonly seq: number;
  readonly attempt: number;
  readonly turn: number;
  readonly chunk: string;
}

/** A chunk on its way into the log, with the turn that it belongs to. */
export interface Entry {
  readonly turn: number;
  readonly chunk: Chunk;
}

/** Joins neighbouring deltas, then numbers from `firstSeq` on: one row for each stretch of one turn. */
export function makeRows(entries: readonly Entry[], firstSeq: number, attempt: number): LogRow[] {
  const rows: LogRow[] = [];
  let seq = firstSeq;
  for (let from = 0; from < entries.length; ) {
    const turn = (entries[from] as Entry).turn;
    let to = from;
    while (to < entries.length && (entries[to] as Entry).turn === turn) to += 1;
    const chunks = coalesce(entries.slice(from, to).map((entry) => entry.chunk)).map(serializeChunk);
    rows.push({ seq, n: chunks.length, attempt, turn, chunks: chunks.join('\n') });
    seq += chunks.length;
    from = to;
  }
  return rows;
}

/** The seq of the last chunk in a row. */
export function endOf(row: { seq: number; n: number }): number {
  return row.seq + row.n - 1;
}

/** A reader's next stretch of a log: whole rows, of which what comes after `after` counts. Iterates its lines. */
export class LogStretch implements Iterable<LogLine> {
  readonly rows: readonly LogRow[];
  readonly after: number;

  constructor(rows: readonly LogRow[], after: number) {
    this.rows = rows;
    this.after = after;
  }

  get lastSeq(): number {
    const last = this.rows.at(-1);
    return last === undefined ? this.after : endOf(last);
  }

  /** The serialised chunk that it ends with. */
  get lastChunk(): string {
    const { chunks } = this.rows.at(-1) ?? { chunks: '' };
    return chunks.slice(chunks.lastIndexOf('\n') + 1);
  }

  [Symbol.iterator](): Iterator<LogLine> {
    return linesAfter(this.rows, this.after)[Symbol.iterator]();
  }
}

/** The lines of `rows` that come after `cursor`. */
export function linesAfter(rows: readonly LogRow[], cursor: number): LogLine[] {
  return rows.flatMap((row) => {
    const lines = row.chunks.split('\n');
    const skip = Math.max(0, cursor + 1 - row.seq);
    return lines.slice(skip).map((chunk, i) => ({
      seq: row.seq + skip + i,
      attempt: row.attempt,
      turn: row.turn,
      chunk,
    }));
  });
}
