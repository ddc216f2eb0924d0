import { type ChunkRun, chunksAfter, type LogStretch } from '../../chunks/row.ts';

/** How rows of a log look on the wire. */
export interface Framing {
  readonly contentType: string;
  /** What comes first. */
  readonly opening: string;
  /** What says "still here". */
  readonly keepAlive: string;
  /** What says "this is all": a stream that ends without it was cut. */
  readonly done: string;
  /** One chunk of the log. */
  row(seq: number, chunk: string): string;
  /** All chunks of a stretch, to be sent with one write. */
  rows(stretch: LogStretch): string;
  /** A chunk that is no row of the log, and has no place in it. */
  unnumbered(chunk: object): string;
}

/** A server-sent event that has a name, and no place in a log. `json` has no raw line break: it is one `data` line. */
export function sseEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

const sseRow = (seq: number, chunk: string) => `id: ${seq}\ndata: ${chunk}\n\n`;
const ndjsonRow = (seq: number, chunk: string) => `{"seq":${seq},"chunk":${chunk}}\n`;

/** Server-sent events. JSON has no raw line break, so that a chunk is one `data` line. */
export const SSE: Framing = {
  contentType: 'text/event-stream',
  opening: 'retry: 1000\n\n',
  keepAlive: ': keep-alive\n\n',
  done: 'data: [DONE]\n\n',
  row: sseRow,
  rows: framedOnce(sseRow),
  unnumbered: (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
};

/** One JSON document a line. */
export const NDJSON: Framing = {
  contentType: 'application/x-ndjson',
  opening: '',
  keepAlive: '\n',
  done: '{"done":true}\n',
  row: ndjsonRow,
  rows: framedOnce(ndjsonRow),
  unnumbered: (chunk) => `{"seq":null,"chunk":${JSON.stringify(chunk)}}\n`,
};

/** The framing of a media type that was negotiated. */
export function framingOf(mediaType: string): Framing {
  return mediaType === NDJSON.contentType ? NDJSON : SSE;
}

/**
 * Frames a run once for all its readers, as long as it is in memory. One that a cursor cuts, or that has one reader
 * only, is framed anew: a weak map of every row that streams by makes the process stand still when it grows.
 */
function framedOnce(frame: (seq: number, chunk: string) => string): Framing['rows'] {
  const framed = new WeakMap<ChunkRun, string>();
  const frameAfter = (run: ChunkRun, cursor: number) => {
    if (run.n === 1) return frame(run.seq, run.chunks);
    let text = '';
    for (const { seq, chunk } of chunksAfter(run, cursor)) text += frame(seq, chunk);
    return text;
  };
  const frameShared = (run: ChunkRun) => {
    const known = framed.get(run);
    if (known !== undefined) return known;
    const text = frameAfter(run, 0);
    framed.set(run, text);
    return text;
  };
  return ({ runs, after, isShared }) => {
    let text = '';
    for (const run of runs) text += isShared && run.seq > after ? frameShared(run) : frameAfter(run, after);
    return text;
  };
}
