import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** What stands before page and server in production: files, and all else to the server, on one origin. */
export class Front {
  readonly #folder: string;
  readonly #target: URL;
  readonly #server: Server;
  /** Streams to the browser that are open, by path. */
  readonly streams: string[] = [];

  private constructor(folder: string, target: string) {
    this.#folder = folder;
    this.#target = new URL(target);
    this.#server = createServer((req, res) => void this.#answer(req, res));
  }

  static async start(folder: string, target: string): Promise<Front> {
    const front = new Front(folder, target);
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection to a browser; what was sent on them may be lost. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = normalize(new URL(req.url ?? '/', this.url).pathname);
    const name = path === '/' ? 'index.html' : path;
    const type = TYPES[extname(name)];
    const content = type && (await readFile(join(this.#folder, name)).catch(() => undefined));
    if (content === undefined || type === undefined || content === '') return this.#forward(req, res);
    res.writeHead(200, { 'content-type': type }).end(content);
  }

  #forward(req: IncomingMessage, res: ServerResponse): void {
    const { hostname, port } = this.#target;
    const onward = request({ hostname, port, path: req.url, method: req.method, headers: req.headers });
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      answer.pipe(res);
      // A stream that was cut must not look as if it had ended.
      answer.on('error', () => res.destroy());
      if (answer.headers['content-type'] === 'text/event-stream') this.#count(req.url ?? '', res);
    });
    onward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  }

  #count(path: string, res: ServerResponse): void {
    this.streams.push(path);
    res.on('close', () => this.streams.splice(this.streams.indexOf(path), 1));
  }
}
