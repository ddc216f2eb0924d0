import { type Chunk, serializeChunk } from './chunk.ts';
import { coalesce } from './coalesce.ts';

/** `n` neighbours of a log from `seq` on, serialised and joined by newlines. */
export interface ChunkRun {
  readonly seq: number;
  readonly n: number;
  readonly chunks: string;
}

/** A row of `stream_chunks`: a run of one attempt and turn. */
export interface LogRow extends ChunkRun {
  readonly attempt: number;
  readonly turn: number;
}

/** One chunk of the log with its position: what a reader gets. */
export interface ReadChunk {
  readonly seq: number;
  readonly chunk: string;
}

/** The same with where it came from: what the table tells. */
export interface LogLine extends ReadChunk {
  readonly attempt: number;
  readonly turn: number;
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

/** What a reader gets next of a log: whole runs, of which what comes after `after` counts. Iterates the chunks. */
export class LogStretch implements Iterable<ReadChunk> {
  readonly runs: readonly ChunkRun[];
  readonly after: number;
  /** Others are given these very runs, too. */
  readonly isShared: boolean;

  constructor(runs: readonly ChunkRun[], after: number, isShared = false) {
    this.runs = runs;
    this.after = after;
    this.isShared = isShared;
  }

  get lastSeq(): number {
    const last = this.runs.at(-1);
    return last === undefined ? this.after : endOf(last);
  }

  /** The serialised chunk that it ends with. */
  get lastChunk(): string {
    const { chunks } = this.runs.at(-1) ?? { chunks: '' };
    return chunks.slice(chunks.lastIndexOf('\n') + 1);
  }

  *[Symbol.iterator](): Iterator<ReadChunk> {
    for (const run of this.runs) yield* chunksAfter(run, this.after);
  }
}

/** The chunks of a run that come after `cursor`. */
export function chunksAfter({ seq, chunks }: ChunkRun, cursor: number): ReadChunk[] {
  const skip = Math.max(0, cursor + 1 - seq);
  return chunks
    .split('\n')
    .slice(skip)
    .map((chunk, i) => ({ seq: seq + skip + i, chunk }));
}

/** The lines of `rows` that come after `cursor`. */
export function linesAfter(rows: readonly LogRow[], cursor: number): LogLine[] {
  return rows.flatMap((row) => {
    const { attempt, turn } = row;
    return chunksAfter(row, cursor).map(({ seq, chunk }) => ({ seq, attempt, turn, chunk }));
  });
}
