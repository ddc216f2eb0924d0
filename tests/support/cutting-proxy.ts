import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between a client and the server and cuts a stream where it is told to. */
export class CuttingProxy {
  readonly #target: URL;
  readonly #server: Server;
  #eventsLeft: number | undefined;
  /** How many streams were cut. */
  cuts = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((req, res) => this.#forward(req, res));
  }

  static async start(target: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lets the next stream through up to this many events, and then breaks its connection. */
  cutAfter(events: number): void {
    this.#eventsLeft = events;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(req: IncomingMessage, res: ServerResponse): void {
    const { hostname, port } = this.#target;
    const headers = { ...req.headers, host: this.#target.host };
    const onward = request({ hostname, port, path: req.url, method: req.method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      const isStream = answer.headers['content-type'] === 'text/event-stream';
      if (isStream && this.#eventsLeft !== undefined) this.#cut(answer, res);
      else answer.pipe(res);
      answer.on('error', () => res.destroy());
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  }

  #cut(answer: IncomingMessage, res: ServerResponse): void {
    let left = this.#eventsLeft as number;
    this.#eventsLeft = undefined;
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => {
      text += part;
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const event = text.slice(0, end + 2);
        text = text.slice(end + 2);
        if (event.includes('data: ') && left-- === 0) return this.#break(answer, res);
        res.write(event);
      }
    });
    answer.on('end', () => res.end(text));
  }

  /** What was written reaches the client first. */
  #break(answer: IncomingMessage, res: ServerResponse): void {
    this.cuts += 1;
    // Neither what comes after the cut nor the end may reach the client.
    answer.removeAllListeners('data').removeAllListeners('end').resume();
    res.write('', () => setImmediate(() => res.destroy()));
  }
}
