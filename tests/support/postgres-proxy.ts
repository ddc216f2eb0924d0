import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to Postgres that can be cut: what a broken network or a restarting server looks like to a client. */
export interface PostgresProxy {
  /** The database's URL, through the proxy. */
  readonly url: string;
  /** Breaks all connections and takes no new ones. */
  cut(): void;
  restore(): void;
  /** Holds back all bytes, both ways, and breaks nothing: what a Postgres that has stopped looks like. */
  stall(): void;
  /** Lets the bytes go on. */
  resume(): void;
  close(): Promise<void>;
}

export async function openPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Map<Socket, Socket>();
  let isCut = false;
  let isStalled = false;
  const server = createServer((socket) => {
    if (isCut) return void socket.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.set(one, other);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      if (!isStalled) one.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const breakAll = () => {
    for (const socket of sockets.keys()) socket.destroy();
  };
  return {
    url: url.href,
    cut: () => {
      isCut = true;
      breakAll();
    },
    restore: () => {
      isCut = false;
    },
    stall: () => {
      isStalled = true;
      for (const [one, other] of sockets) one.unpipe(other);
    },
    resume: () => {
      isStalled = false;
      for (const [one, other] of sockets) one.pipe(other);
    },
    close: async () => {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}
