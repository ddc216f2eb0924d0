import { once } from 'node:events';
import { connect } from 'node:net';

export interface SlowReader {
  /** Bytes that it has taken so far. */
  readonly taken: number;
  stop(): void;
}

/** Opens a stream from its first row, and takes so many bytes of it a second: the rest backs up behind it. */
export async function startSlowReader(url: string, bytesPerSecond: number): Promise<SlowReader> {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\n\r\n`);
  let taken = 0;
  const timer = setInterval(() => {
    taken += (socket.read(bytesPerSecond) as Buffer | null)?.length ?? 0;
  }, 1000);
  return {
    get taken() {
      return taken;
    },
    stop: () => {
      clearInterval(timer);
      socket.destroy();
    },
  };
}
