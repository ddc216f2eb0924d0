import { createHash } from 'node:crypto';
import http from 'node:http';

/** A client that reads one stream from its start to its end as fast as it comes, and keeps a hash of it. */
export class BodyReader {
  /** Resolves with the headers, before the first row or after it. */
  readonly opened: Promise<http.IncomingMessage>;
  /** Resolves at the end of the connection, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #request: http.ClientRequest;
  readonly #hash = createHash('sha256');
  /** The last of it, in which the sign of the end would be. */
  #tail = '';
  #bytes = 0;

  constructor(serverUrl: string, executionId: string) {
    this.#request = http.get(`${serverUrl}/executions/${executionId}/stream`, { agent: false });
    this.opened = new Promise((resolve, reject) => {
      this.#request.once('response', resolve).once('error', reject);
    });
    this.opened.catch(() => undefined);
    this.closed = new Promise((resolve) => {
      this.#request.once('error', () => resolve());
      this.#request.once('response', (response: http.IncomingMessage) => {
        response.on('error', () => undefined).once('close', resolve);
        response.setEncoding('utf8').on('data', (text: string) => this.#take(text));
      });
    });
  }

  get isDone(): boolean {
    return this.#tail.endsWith('\n\ndata: [DONE]\n\n');
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The last bytes that came. */
  get tail(): string {
    return this.#tail;
  }

  /** Of all that came, once it is over. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  leave(): void {
    this.#request.destroy();
  }

  #take(part: string): void {
    // Signs of life come when nothing else does, so they are never in the middle of a row.
    const text = part.replaceAll(': keep-alive\n\n', '');
    this.#hash.update(text);
    this.#bytes += text.length;
    this.#tail = (this.#tail + text).slice(-TAIL);
  }
}

const TAIL = 256;

/** What a whole stream of these rows looks like, hashed. */
export function digestOfStream(lines: readonly { seq: number; bytes: string }[]): string {
  const hash = createHash('sha256').update('retry: 1000\n\n');
  for (const { seq, bytes } of lines) hash.update(`id: ${seq}\ndata: ${bytes}\n\n`);
  return hash.update('data: [DONE]\n\n').digest('hex');
}
