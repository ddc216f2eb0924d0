import express, { type Request, type Response } from 'express';
import { Problem } from '../problems/problem.ts';
import { isTooDeep } from './json-content.ts';

export type ReadBody = (req: Request, res: Response) => Promise<unknown>;

/** Makes a reader of JSON bodies of at most `limit` bytes; a request without a body gives undefined. */
export function bodyReader(limit: number): ReadBody {
  const parse = express.json({ limit, strict: false, type: () => true });
  return async (req, res) => {
    const contentType = req.headers['content-type'];
    if (contentType === undefined && !hasBody(req)) return undefined;
    if (!isJson(contentType)) {
      throw new Problem('unsupported-media-type', 'Send the body with content-type: application/json');
    }
    await new Promise<void>((resolve, reject) =>
      parse(req, res, (error?: unknown) =>
        error === undefined ? resolve() : reject(toProblem(error, limit)),
      ),
    );
    const body: unknown = req.body;
    if (isTooDeep(body)) throw new Problem('malformed-json', 'The body is nested too deep');
    return body;
  };
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}

/** body-parser tells its errors apart by `type`; what has none comes from unpacking a compressed body. */
function toProblem(error: unknown, limit: number): Problem {
  const { type } = error as { type?: string };
  if (type === 'entity.too.large') {
    return new Problem('body-too-large', `The body is larger than ${limit} bytes`, { extra: { limit } });
  }
  if (type === 'charset.unsupported' || type === 'encoding.unsupported') {
    return new Problem('unsupported-media-type', 'The charset or encoding of the body is not supported');
  }
  return new Problem('malformed-json', 'The body is not valid JSON', { cause: error });
}
