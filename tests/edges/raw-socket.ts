import { connect, type Socket } from 'node:net';

/** A connection that is written to by hand. */
export interface RawSocket {
  readonly socket: Socket;
  write(text: string): void;
  /** What the server has sent so far. */
  received(): string;
  /** Resolves with all that the server sent once it has closed the connection. */
  closed(): Promise<string>;
}

export async function openRawSocket(url: string): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let text = '';
  socket.setEncoding('latin1').on('data', (part) => {
    text += String(part);
  });
  // A reset is an end like any other.
  socket.on('error', () => undefined);
  const end = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  return {
    socket,
    write: (part) => void socket.write(part, 'latin1'),
    received: () => text,
    closed: () => end.then(() => text),
  };
}

/** Sends a text, and gives back all that the server says to it until it closes the connection. */
export async function sendRaw(url: string, text: string): Promise<string> {
  const raw = await openRawSocket(url);
  raw.write(text);
  return raw.closed();
}

/** The status and the problem's code of the last answer in a text. */
export function lastAnswer(text: string): { status: number; code: unknown; headers: string } {
  const answer = text.slice(text.lastIndexOf('HTTP/1.1 '));
  const [headers = '', body = ''] = answer.split('\r\n\r\n');
  const parsed = body.startsWith('{') ? (JSON.parse(body) as { code?: unknown }) : {};
  return { status: Number(headers.split(' ')[1]), code: parsed.code, headers };
}
