import type { LogLine } from '../../chunks/row.ts';

/** How rows of a log look on the wire. */
export interface Framing {
  readonly contentType: string;
  /** What comes first. */
  readonly opening: string;
  /** What says "still here". */
  readonly keepAlive: string;
  /** What says "this is all": a stream that ends without it was cut. */
  readonly done: string;
  /** All rows of one batch, to be sent with one write. */
  rows(lines: readonly LogLine[]): string;
  /** A chunk that is no row of the log, and has no place in it. */
  unnumbered(chunk: object): string;
}

/** Server-sent events. JSON has no raw line break, so that a chunk is one `data` line. */
export const SSE: Framing = {
  contentType: 'text/event-stream',
  opening: 'retry: 1000\n\n',
  keepAlive: ': keep-alive\n\n',
  done: 'data: [DONE]\n\n',
  rows: (lines) => lines.map(({ seq, chunk }) => `id: ${seq}\ndata: ${chunk}\n\n`).join(''),
  unnumbered: (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
};

/** One JSON document a line. */
export const NDJSON: Framing = {
  contentType: 'application/x-ndjson',
  opening: '',
  keepAlive: '\n',
  done: '{"done":true}\n',
  rows: (lines) => lines.map(({ seq, chunk }) => `{"seq":${seq},"chunk":${chunk}}\n`).join(''),
  unnumbered: (chunk) => `{"seq":null,"chunk":${JSON.stringify(chunk)}}\n`,
};

/** The framing of a media type that was negotiated. */
export function framingOf(mediaType: string): Framing {
  return mediaType === NDJSON.contentType ? NDJSON : SSE;
}
