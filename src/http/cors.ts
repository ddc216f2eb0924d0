import type { IncomingHttpHeaders } from 'node:http';

const ALLOWED_HEADERS = 'authorization, x-api-key, content-type, idempotency-key, last-event-id';
const EXPOSED_HEADERS = [
  'location',
  'retry-after',
  'idempotency-replayed',
  'x-request-id',
  'x-execution-id',
  'x-execution-status',
  'x-stream-tail',
  'x-workflow-run-id',
  'x-workflow-stream-tail-index',
].join(', ');

/** The headers by which a page of an allowed origin may read the answer. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED_HEADERS,
  };
}

/** True for the question that a browser asks before the request itself. */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

export const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': ALLOWED_HEADERS,
  'access-control-max-age': '600',
};
