import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one connection to a stream. */
export type Fate =
  /** Cut once so many events have gone through. */
  | { cutAfter: number }
  /** Never gets to the server. */
  | { status: number; headers?: Record<string, string>; body?: object }
  /** Cut after the request reached the server, before the answer. */
  | { cutAfter: 'request' };

/** A way to the server over which streams can be cut to the event. */
export interface CuttingProxy {
  readonly url: string;
  /** The connections that asked for a stream, as `METHOD /path?query`. */
  readonly streams: string[];
  /** The bodies that were sent, parsed. */
  readonly bodies: unknown[];
  /** What becomes of the stream connections to come, in turn; when all are used up they go through. */
  fates: Fate[];
  /** Cuts everything that is open. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function openCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const streams: string[] = [];
  const bodies: unknown[] = [];
  const open = new Set<ServerResponse>();
  const pass = (req: IncomingMessage, res: ServerResponse, body: Buffer, fate: Fate | undefined) => {
    const headers = { ...req.headers, host: `${hostname}:${port}` };
    const options = { hostname, port, path: req.url, method: req.method, headers, agent: false };
    const upstream = request(options, (answer) => {
      if (fate !== undefined && 'cutAfter' in fate && fate.cutAfter === 'request') {
        upstream.destroy();
        res.destroy();
        return;
      }
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      forward(answer, res, fate !== undefined && 'cutAfter' in fate ? fate.cutAfter : undefined);
    });
    upstream.on('error', () => res.destroy());
    res.on('close', () => upstream.destroy());
    upstream.end(body);
  };
  const proxy: CuttingProxy = {
    url: '',
    streams,
    bodies,
    fates: [],
    cutAll: () => {
      for (const res of open) res.destroy();
    },
    close: async () => {
      proxy.cutAll();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  const server = createServer((req, res) => {
    open.add(res);
    res.on('close', () => open.delete(res));
    void readAll(req).then((body) => {
      if (body.length > 0) bodies.push(JSON.parse(body.toString()));
      const isStream = req.url?.includes('/stream') === true || req.url === '/api/chat';
      if (isStream) streams.push(`${req.method} ${req.url}`);
      const fate = isStream ? proxy.fates.shift() : undefined;
      if (fate === undefined || 'cutAfter' in fate) return pass(req, res, body, fate);
      res.writeHead(fate.status, { 'content-type': 'application/problem+json', ...fate.headers });
      res.end(JSON.stringify({ status: fate.status, ...fate.body }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(proxy, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function readAll(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Lets so many events through, each with its end, and then breaks the connection. */
function forward(answer: IncomingMessage, res: ServerResponse, cutAfter: number | undefined): void {
  answer.on('error', () => res.destroy());
  answer.on('close', () => {
    if (!answer.complete) res.destroy();
  });
  if (cutAfter === undefined) {
    answer.pipe(res);
    return;
  }
  let rest = '';
  let left = cutAfter;
  answer.setEncoding('utf8');
  const cut = () => {
    answer.destroy();
    // What was written is to arrive first.
    res.write('', () => res.destroy());
  };
  answer.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const isEvent = block.includes('data: ');
      if (isEvent && left === 0) return cut();
      res.write(`${block}\n\n`);
      if (isEvent) left -= 1;
    }
    if (left === 0) cut();
  });
  answer.on('end', () => res.end());
}
