import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A row of a log as it came over the wire. */
export interface SeenRow {
  readonly seq: number;
  readonly data: string;
  /** When it came, by the monotonic clock of this process. */
  readonly at: number;
}

export interface ReaderOptions {
  executionId: string;
  /** Where to go next, as through a round-robin proxy. */
  nextUrl: () => string;
  /** A connection that says nothing for so long is given up: the server behind it may be frozen. */
  silenceMs: number;
  onRow?: (row: SeenRow) => void;
}

const RETRY_MS = 25;
/** What a server that ends, starts, or waits for Postgres may say; a good client comes again. */
const COME_AGAIN = new Set([502, 503, 504]);

/** Follows an execution to its end over every cut, with its cursor, and keeps all that it is sent. */
export class Reader {
  readonly rows: SeenRow[] = [];
  /** Answers that no reader should ever get. */
  readonly refusals: string[] = [];
  /** Resolves after `[DONE]`, or when it was closed. */
  readonly done: Promise<void>;
  connections = 0;
  readonly #options: ReaderOptions;
  #request: http.ClientRequest | undefined;
  #isDone = false;
  #isClosed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.done = this.#readToEnd();
  }

  get executionId(): string {
    return this.#options.executionId;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Breaks the connection it has, as a bad network does. */
  cut(): void {
    this.#request?.destroy();
  }

  /** Goes away for good. */
  close(): void {
    this.#isClosed = true;
    this.cut();
  }

  async #readToEnd(): Promise<void> {
    while (!this.#isDone && !this.#isClosed) {
      await this.#readOnce();
      if (!this.#isDone) await delay(RETRY_MS);
    }
  }

  /** One connection, to its end, however it ends. */
  #readOnce(): Promise<void> {
    const { nextUrl, executionId, silenceMs } = this.#options;
    const cursor = this.rows.at(-1)?.seq;
    const headers = cursor === undefined ? {} : { 'last-event-id': String(cursor) };
    const url = `${nextUrl()}/executions/${executionId}/stream`;
    return new Promise((resolve) => {
      const sent = http.get(url, { agent: false, headers, timeout: silenceMs }, (response) => {
        this.#answered(response.statusCode ?? 0, cursor);
        let rest = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          const blocks = (rest + text).split('\n\n');
          rest = blocks.pop() ?? '';
          if (response.statusCode === 200) for (const block of blocks) this.#take(block);
        });
        response.once('close', resolve).on('error', () => undefined);
      });
      sent.once('error', () => resolve());
      sent.once('timeout', () => sent.destroy());
      this.#request = sent;
    });
  }

  #answered(status: number, cursor: number | undefined): void {
    this.connections += 1;
    // 204: the cursor is at the end of a final log.
    if (status === 204) this.#isDone = true;
    else if (status !== 200 && !COME_AGAIN.has(status)) {
      this.refusals.push(`${status} with the cursor ${cursor ?? 'none'}`);
    }
  }

  #take(block: string): void {
    const id = /^id: (.*)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === '[DONE]') this.#isDone = true;
    if (id === undefined || data === undefined) return;
    const row = { seq: Number(id), data, at: performance.now() };
    this.rows.push(row);
    this.#options.onRow?.(row);
  }
}
