import { connect, type Socket } from 'node:net';

const SIP_BYTES = 100;
const SIP_EVERY_MS = 100;

/** A client that takes 1 KB a second from its socket, and lets the rest wait there. */
export class SlowReader {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #isClosed = false;

  constructor(serverUrl: string, path: string) {
    const { hostname, port } = new URL(serverUrl);
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      onread: {
        buffer: Buffer.alloc(SIP_BYTES),
        callback: (bytes) => {
          this.#bytes += bytes;
          // Stops reading, until the next sip.
          return false;
        },
      },
    });
    this.#socket
      .on('error', () => undefined)
      .once('close', () => {
        this.#isClosed = true;
      });
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    this.#timer = setInterval(() => this.#socket.resume(), SIP_EVERY_MS);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The server, or `leave`, has ended the connection. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  leave(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}
