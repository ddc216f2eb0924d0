/** One row of a log as it came over the wire. */
export interface WireRow {
  seq: number;
  bytes: string;
}

/** What a part of a body said. */
export interface WireNews {
  rows: WireRow[];
  /** The sign of the end was there. */
  isDone: boolean;
}

export type WireForm = 'text/event-stream' | 'application/x-ndjson';

/** Reads the body of a stream as it comes, in whatever pieces; a piece of a row is no row. */
export class WireParser {
  readonly #form: WireForm;
  #rest = '';

  constructor(form: WireForm) {
    this.#form = form;
  }

  take(text: string): WireNews {
    const isSse = this.#form === 'text/event-stream';
    const blocks = (this.#rest + text).split(isSse ? '\n\n' : '\n');
    this.#rest = blocks.pop() ?? '';
    const news: WireNews = { rows: [], isDone: false };
    for (const block of blocks) {
      if (block === 'data: [DONE]' || block === '{"done":true}') news.isDone = true;
      const [, seq, bytes] = (isSse ? SSE_ROW : JSON_ROW).exec(block) ?? [];
      if (seq !== undefined && bytes !== undefined) news.rows.push({ seq: Number(seq), bytes });
    }
    return news;
  }
}

const SSE_ROW = /^id: (\d+)\ndata: (.*)$/;
const JSON_ROW = /^\{"seq":(\d+),"chunk":(.*)\}$/;
