import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** One numbered event of a stream, as it came over the wire. */
export interface StreamEvent {
  id: string;
  data: string;
}

const RETRY_MS = 25;

/**
 * Reads the stream of an execution as a good client does: a connection that is cut is made again with the cursor,
 * until `[DONE]`. It keeps every numbered event that it is sent, also one that it should not be sent again.
 */
export class StreamReader {
  readonly events: StreamEvent[] = [];
  /** Resolves after `[DONE]`. */
  readonly done: Promise<void>;
  readonly #url: string;
  readonly #onEvent: ((event: StreamEvent) => void) | undefined;
  #request: http.ClientRequest | undefined;
  #isDone = false;
  #isClosed = false;

  constructor(serverUrl: string, executionId: string, onEvent?: (event: StreamEvent) => void) {
    this.#url = `${serverUrl}/executions/${executionId}/stream`;
    this.#onEvent = onEvent;
    this.done = this.#readToEnd();
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Goes away for good. */
  close(): void {
    this.#isClosed = true;
    this.#request?.destroy();
  }

  async #readToEnd(): Promise<void> {
    while (!this.#isDone && !this.#isClosed) {
      await this.#readOnce();
      if (!this.#isDone) await delay(RETRY_MS);
    }
  }

  /** One connection, to its end, however it ends. */
  #readOnce(): Promise<void> {
    const cursor = this.events.at(-1)?.id;
    const headers = cursor === undefined ? {} : { 'last-event-id': cursor };
    return new Promise((resolve) => {
      const sent = http.get(this.#url, { agent: false, headers }, (response) => {
        // 204: the cursor is at the end of a final log.
        if (response.statusCode === 204) this.#isDone = true;
        let rest = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          const blocks = (rest + text).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) this.#take(block);
        });
        response.once('close', resolve).on('error', () => undefined);
      });
      sent.once('error', () => resolve());
      this.#request = sent;
    });
  }

  #take(block: string): void {
    const id = /^id: (.*)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === '[DONE]') this.#isDone = true;
    if (id === undefined || data === undefined) return;
    this.events.push({ id, data });
    this.#onEvent?.({ id, data });
  }
}

/** The whole stream of a final execution, read from its start on one connection or several. */
export async function readWholeStream(serverUrl: string, executionId: string): Promise<StreamEvent[]> {
  const reader = new StreamReader(serverUrl, executionId);
  await reader.done;
  return reader.events;
}
