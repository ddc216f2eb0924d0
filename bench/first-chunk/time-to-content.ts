import { Agent, request } from 'node:http';

export interface Timed {
  /** Milliseconds from the request to the first bytes with a piece of text. */
  first: number;
  /** Milliseconds to the end of the answer. */
  whole: number;
}

const CONTENT = '"type":"text-delta"';

/** A client with one connection that stays open, as a browser or a gateway has it. */
export class TimingClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** Sends a request and reads the answer to its end. */
  post(url: string, body: object, headers: Record<string, string> = {}): Promise<Timed> {
    const json = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const startedAt = performance.now();
      const options = {
        method: 'POST',
        agent: this.#agent,
        headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
      };
      const sent = request(url, options, (response) => {
        let first: number | undefined;
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
          if (first === undefined && text.includes(CONTENT)) first = performance.now() - startedAt;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (first === undefined) reject(new Error(`No content in: ${response.statusCode} ${text}`));
          else resolve({ first, whole: performance.now() - startedAt });
        });
      });
      sent.on('error', reject).end(json);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
