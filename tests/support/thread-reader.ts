import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** One event of a thread's stream, as it came over the wire. Chunks have an id and no name. */
export interface WireEvent {
  /** Which connection it came by, from 1. */
  connection: number;
  name: string | undefined;
  id: string | undefined;
  data: string;
}

export interface ThreadReaderOptions {
  /** The cursor of the first connection; none: what runs now. */
  after?: string;
  /** Cuts every connection after so many chunks. */
  cutAfter?: number;
  /** Answers where the next connection is made to; default: always the first server. */
  nextServer?: (connection: number) => string;
}

const RETRY_MS = 10;

/** Attached to a thread as a good client is: a connection that was cut is made again with the cursor, until `[DONE]`. */
export class ThreadReader {
  readonly events: WireEvent[] = [];
  readonly done: Promise<void>;
  /** Statuses that were no 200. */
  readonly refused: number[] = [];
  connections = 0;
  isDone = false;
  readonly #servers: (connection: number) => string;
  readonly #path: string;
  readonly #options: ThreadReaderOptions;
  #cursor: string | undefined;
  #request: http.ClientRequest | undefined;
  #isClosed = false;

  constructor(serverUrl: string, threadId: string, options: ThreadReaderOptions = {}) {
    this.#servers = options.nextServer ?? (() => serverUrl);
    this.#path = `/threads/${threadId}/stream`;
    this.#options = options;
    this.#cursor = options.after;
    this.done = this.#readToEnd();
  }

  /** The chunks with their ids, whichever connections they came by. */
  get chunks(): { id: string; data: string }[] {
    return this.events.flatMap(({ id, data }) => (id === undefined ? [] : [{ id, data }]));
  }

  /** What named events of one kind said, in order. */
  named<T = Record<string, unknown>>(name: string): T[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => JSON.parse(data) as T);
  }

  /** The statuses of an execution, as they were told. */
  statuses(executionId: string): unknown[] {
    return this.named('execution')
      .filter(({ id }) => id === executionId)
      .map(({ status }) => status);
  }

  /** Cuts the connection: it is made again with the cursor. */
  cut(): void {
    this.#request?.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.#request?.destroy();
  }

  async #readToEnd(): Promise<void> {
    while (!this.isDone && !this.#isClosed) {
      this.connections += 1;
      await this.#readOnce(this.connections);
      if (!this.isDone && !this.#isClosed) await delay(RETRY_MS);
    }
  }

  #readOnce(connection: number): Promise<void> {
    const { cutAfter = Number.POSITIVE_INFINITY } = this.#options;
    const headers = this.#cursor === undefined ? {} : { 'last-event-id': this.#cursor };
    const url = `${this.#servers(connection)}${this.#path}`;
    return new Promise((resolve) => {
      let chunks = 0;
      const sent = http.get(url, { agent: false, headers }, (response) => {
        if (response.statusCode !== 200) this.refused.push(response.statusCode ?? 0);
        let rest = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          const blocks = (rest + text).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) {
            if (chunks >= cutAfter) return;
            if (this.#take(connection, block)) chunks += 1;
            if (chunks >= cutAfter) sent.destroy();
          }
        });
        response.once('close', resolve).on('error', () => undefined);
      });
      sent.once('error', () => resolve());
      this.#request = sent;
    });
  }

  /** @returns whether it was a chunk */
  #take(connection: number, block: string): boolean {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const [id, name, data] = [field('id'), field('event'), field('data')];
    if (data === '[DONE]') this.isDone = true;
    if (data === undefined || data === '[DONE]') return false;
    this.events.push({ connection, name, id, data });
    if (id !== undefined) this.#cursor = id;
    return id !== undefined;
  }
}
