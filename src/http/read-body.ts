import type { IncomingMessage } from 'node:http';
import { Problem } from '../problems/problem.ts';
import { isTooDeep } from './json-content.ts';
import { readBytes } from './read-bytes.ts';

export type ReadBody = (req: IncomingMessage) => Promise<unknown>;

/** Makes a reader of JSON bodies of at most `limit` bytes; a request without a body gives undefined. */
export function bodyReader(limit: number): ReadBody {
  return async (req) => {
    const { 'content-type': contentType, 'content-length': length } = req.headers;
    const isSent = req.headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 0;
    if (contentType === undefined && !isSent) return undefined;
    refuseOther(contentType, req.headers['content-encoding']);
    if (length === undefined && !isSent) return undefined;
    const bytes = await readBytes(req, limit);
    // A common slip of clients that always name a type.
    return bytes.length === 0 ? {} : parse(bytes);
  };
}

function refuseOther(contentType: string | undefined, encoding = 'identity'): void {
  const [type, ...parameters] = (contentType ?? '').toLowerCase().split(';');
  if (type?.trim() !== 'application/json') {
    throw new Problem('unsupported-media-type', 'Send the body with content-type: application/json');
  }
  const charset = /charset="?([^";]*)/.exec(parameters.join(';'))?.[1]?.trim() ?? 'utf-8';
  if (!/^utf-?8$/.test(charset) || encoding.toLowerCase() !== 'identity') {
    throw new Problem('unsupported-media-type', 'Send the body in UTF-8, and not compressed');
  }
}

function parse(bytes: Buffer): unknown {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem('malformed-json', 'The body is not valid JSON in UTF-8', { cause: error });
  }
  if (isTooDeep(body)) throw new Problem('malformed-json', 'The body is nested too deep');
  return body;
}
