import type { ServerResponse } from 'node:http';
import { endAnswer } from './end-answer.ts';
import type { Sink } from './stream/sink.ts';

type Headers = Readonly<Record<string, string>>;

export interface JsonAnswer {
  kind: 'json';
  status: number;
  headers?: Headers;
  body: unknown;
}

export interface ContentAnswer {
  kind: 'content';
  status: number;
  headers: Headers & { 'content-type': string };
  content: string | Buffer;
}

export interface EmptyAnswer {
  kind: 'empty';
  status: number;
  headers?: Headers;
}

/** An answer whose body comes bit by bit. If `pump` throws, the connection is cut. */
export interface StreamAnswer {
  kind: 'stream';
  status: number;
  headers: Headers;
  pump(sink: Sink): Promise<void> | undefined;
}

/** What a route gives back. */
export type Answer = JsonAnswer | ContentAnswer | EmptyAnswer | StreamAnswer;

export function json(body: unknown, status = 200, headers: Headers = {}): JsonAnswer {
  return { kind: 'json', status, headers, body };
}

/** Sends an answer that is there as a whole. */
export function send(res: ServerResponse, answer: Exclude<Answer, StreamAnswer>): void {
  setHeaders(res, answer.headers ?? {});
  res.statusCode = answer.status;
  if (answer.kind === 'empty') {
    res.end();
    return;
  }
  if (answer.kind === 'json') res.setHeader('content-type', 'application/json; charset=utf-8');
  const content = answer.kind === 'json' ? JSON.stringify(answer.body) : answer.content;
  res.setHeader('content-length', Buffer.byteLength(content));
  endAnswer(res, content);
}

/** Sets headers over those that are there. */
export function setHeaders(res: ServerResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}
