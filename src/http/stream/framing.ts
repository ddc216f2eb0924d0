import { type LogRow, type LogStretch, linesAfter } from '../../chunks/row.ts';

/** How rows of a log look on the wire. */
export interface Framing {
  readonly contentType: string;
  /** What comes first. */
  readonly opening: string;
  /** What says "still here". */
  readonly keepAlive: string;
  /** What says "this is all": a stream that ends without it was cut. */
  readonly done: string;
  /** All chunks of a stretch, to be sent with one write. */
  rows(stretch: LogStretch): string;
  /** A chunk that is no row of the log, and has no place in it. */
  unnumbered(chunk: object): string;
}

/** Server-sent events. JSON has no raw line break, so that a chunk is one `data` line. */
export const SSE: Framing = {
  contentType: 'text/event-stream',
  opening: 'retry: 1000\n\n',
  keepAlive: ': keep-alive\n\n',
  done: 'data: [DONE]\n\n',
  rows: framedOnce((seq, chunk) => `id: ${seq}\ndata: ${chunk}\n\n`),
  unnumbered: (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
};

/** One JSON document a line. */
export const NDJSON: Framing = {
  contentType: 'application/x-ndjson',
  opening: '',
  keepAlive: '\n',
  done: '{"done":true}\n',
  rows: framedOnce((seq, chunk) => `{"seq":${seq},"chunk":${chunk}}\n`),
  unnumbered: (chunk) => `{"seq":null,"chunk":${JSON.stringify(chunk)}}\n`,
};

/** The framing of a media type that was negotiated. */
export function framingOf(mediaType: string): Framing {
  return mediaType === NDJSON.contentType ? NDJSON : SSE;
}

/** Frames a row once for all its readers, as long as it is in memory; one that a cursor cuts, anew for that reader. */
function framedOnce(frame: (seq: number, chunk: string) => string): Framing['rows'] {
  const framed = new WeakMap<LogRow, string>();
  const frameAfter = (row: LogRow, cursor: number) => {
    let text = '';
    for (const { seq, chunk } of linesAfter([row], cursor)) text += frame(seq, chunk);
    return text;
  };
  const frameWhole = (row: LogRow) => {
    const known = framed.get(row);
    if (known !== undefined) return known;
    const text = frameAfter(row, 0);
    framed.set(row, text);
    return text;
  };
  return ({ rows, after }) => {
    let text = '';
    for (const row of rows) text += row.seq > after ? frameWhole(row) : frameAfter(row, after);
    return text;
  };
}
