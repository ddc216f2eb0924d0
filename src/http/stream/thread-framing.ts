import type { LogStretch } from '../../chunks/row.ts';
import { NDJSON, SSE, sseEvent } from './framing.ts';

/** How what happens in a thread looks on the wire. */
export interface ThreadFraming {
  readonly contentType: string;
  readonly opening: string;
  readonly keepAlive: string;
  /** The thread was deleted: nothing will come any more. */
  readonly done: string;
  /** All chunks of a stretch; each names its execution by ordinal, and its seq. */
  chunks(ordinal: number, stretch: LogStretch): string;
  /** What is no chunk has a name, and no place in a log. */
  named(event: string, data: object): string;
}

const THREAD_SSE: ThreadFraming = {
  ...SSE,
  chunks: (ordinal, stretch) =>
    frameEach(stretch, (seq, chunk) => `id: ${ordinal}.${seq}\ndata: ${chunk}\n\n`),
  named: (event, data) => sseEvent(event, JSON.stringify(data)),
};

const THREAD_NDJSON: ThreadFraming = {
  ...NDJSON,
  chunks: (ordinal, stretch) =>
    frameEach(stretch, (seq, chunk) => `{"ordinal":${ordinal},"seq":${seq},"chunk":${chunk}}\n`),
  named: (event, data) => `{"event":"${event}","data":${JSON.stringify(data)}}\n`,
};

/** The framing of a media type that was negotiated. */
export function threadFramingOf(mediaType: string): ThreadFraming {
  return mediaType === NDJSON.contentType ? THREAD_NDJSON : THREAD_SSE;
}

function frameEach(stretch: LogStretch, frame: (seq: number, chunk: string) => string): string {
  let text = '';
  for (const { seq, chunk } of stretch) text += frame(seq, chunk);
  return text;
}
