import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

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

const STREAM_TYPES = new Set(['text/event-stream', 'application/x-ndjson']);
/** How long answers under way may take at the end. */
const FINISH_MS = 500;

/** Listens; port 0 means any free one. @throws the error of `listen`, such as EADDRINUSE */
export async function startHttp(
  app: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  const server = createServer(app);
  const open = new Set<ServerResponse>();
  server.on('request', (_, res: ServerResponse) => {
    open.add(res);
    res.once('close', () => open.delete(res));
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
