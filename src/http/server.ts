import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { refuseBroken } from './refuse-broken.ts';

/** A server that listens. */
export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Streams that are open; counted when it is asked. */
  readonly openStreams: number;
  /** Cuts every open stream, so that its client comes back with its cursor: never a clean end. */
  cutStreams(): void;
  /** Takes no more connections, lets answers under way finish for a moment, then closes the rest. */
  close(): Promise<void>;
}

export interface HttpServerOptions {
  host: string;
  port: number;
  /** Milliseconds for a request to come, body and all, and in which a client takes nothing of its answer. */
  requestTimeoutMs: number;
  maxConnections: number;
}

/** Answers of these types may have no end. */
export const STREAM_TYPES: ReadonlySet<string> = new Set(['text/event-stream', 'application/x-ndjson']);
/** How long answers under way may take at the end. */
const FINISH_MS = 500;
/** Bytes of the URL and all headers of a request. */
const MAX_HEADER_BYTES = 16_384;
/** Headers come in one go. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than the minute for which load balancers keep a connection, or they use one that is just being closed. */
const KEEP_ALIVE_MS = 65_000;
/** Whoever still sends when their answer has ended is not listened to for longer. */
const LINGER_MS = 1000;

/** Listens; port 0 means any free one. @throws the error of `listen`, such as EADDRINUSE */
export async function startHttp(app: RequestListener, options: HttpServerOptions): Promise<HttpServer> {
  const { host, port } = options;
  const server = createLimitedServer(options);
  const open = new Set<ServerResponse>();
  const answeredEarly = new WeakSet<Duplex>();
  server.on('request', (req, res: ServerResponse) => {
    open.add(res);
    res.once('close', () => open.delete(res));
    res.once('finish', () => {
      if (req.complete) return;
      answeredEarly.add(req.socket);
      closeSoon(req);
    });
    // Who waits for an answer may be silent; who was sent one and does not take it may not.
    res.setTimeout(options.requestTimeoutMs, () => {
      if (res.writableLength > 0) res.destroy();
    });
    app(req, res);
  });
  // What else a client expects is not promised, and no reason to refuse it.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.on('clientError', (error, socket) => {
    const answers = [...open].filter(({ req }) => req.socket === socket);
    refuseBroken(error, socket, { answers, isAnswered: answeredEarly.has(socket) });
  });
  await listen(server, host, port);
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    port: actualPort,
    get openStreams() {
      return [...open].filter(isStream).length;
    },
    cutStreams: () => {
      for (const res of open) if (isStream(res)) res.destroy();
    },
    close: () => close(server),
  };
}

function createLimitedServer({ requestTimeoutMs, maxConnections }: HttpServerOptions): Server {
  const headersTimeout = Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs);
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    // Refused by the app, which says why.
    requireHostHeader: false,
    headersTimeout,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.max(50, Math.min(5000, headersTimeout / 4)),
  });
  server.maxConnections = maxConnections;
  return server;
}

function closeSoon(req: IncomingMessage): void {
  setTimeout(() => {
    if (!req.complete) req.destroy();
  }, LINGER_MS).unref();
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const patience = new AbortController();
  await Promise.race([
    closed,
    delay(FINISH_MS, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
  server.closeAllConnections();
  await closed;
}

function isStream(res: ServerResponse): boolean {
  return STREAM_TYPES.has(String(res.getHeader('content-type')));
}
