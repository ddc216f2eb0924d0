import type { ServerResponse } from 'node:http';
import { createOutbound, type SendOutbound } from '../../src/outbound/request.ts';
import { startReceiver, type TestReceiver } from './receiver.ts';

/** `https://files.example`, for who sends through its `outbound`; all other addresses are the real ones. */
export interface FileHost {
  readonly outbound: SendOutbound;
  readonly requests: TestReceiver['requests'];
  /** What a path is answered with; 404 for those that have nothing. */
  put(path: string, answer: (res: ServerResponse) => void): string;
  close(): Promise<void>;
}

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Answers with a file. */
export function file(content: Buffer | string, mediaType = 'image/png'): (res: ServerResponse) => void {
  return (res) => res.writeHead(200, { 'content-type': mediaType }).end(content);
}

/** Answers with a redirect. */
export function redirect(location: string, status = 302): (res: ServerResponse) => void {
  return (res) => res.writeHead(status, { location }).end();
}

export async function startFileHost(): Promise<FileHost> {
  const answers = new Map<string, (res: ServerResponse) => void>();
  const receiver = await startReceiver((res, _n, { path }) => {
    const answer = answers.get(path);
    if (answer === undefined) res.writeHead(404).end();
    else answer(res);
  });
  const toHost = createOutbound({ allowPrivate: true });
  const toOthers = createOutbound();
  return {
    outbound: (request) =>
      request.url.origin === 'https://files.example'
        ? toHost({ ...request, url: new URL(request.url.pathname, receiver.url) })
        : toOthers(request),
    requests: receiver.requests,
    put: (path, answer) => {
      answers.set(path, answer);
      return `https://files.example${path}`;
    },
    close: () => receiver.close(),
  };
}
