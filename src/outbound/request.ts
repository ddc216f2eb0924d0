import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { OutboundError, toOutboundError } from './outbound-error.ts';

export interface OutboundRequest {
  method: 'GET' | 'POST';
  /** http or https */
  url: URL;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** For all of it, from the look-up of the name to the last byte that is read. */
  timeoutMs: number;
  /** Bytes of the answer's body that are read; the connection is closed after them. */
  maxBytes: number;
}

export interface OutboundResponse {
  status: number;
  headers: IncomingHttpHeaders;
  /** At most `maxBytes`. */
  body: Buffer;
  /** False when it was cut: too long, too slow, or the connection broke. */
  isWhole: boolean;
}

/** Sends one request and follows no redirect. @throws OutboundError when no answer came */
export type SendOutbound = (request: OutboundRequest) => Promise<OutboundResponse>;

export interface OutboundOptions {
  /** Lets requests go to addresses that are not public, for development. Default: false. */
  allowPrivate?: boolean;
  /** Looks names up. Default: as the system does. */
  lookup?: LookupFunction;
}

/**
 * Makes what sends requests to addresses that came from outside. Only public ones are connected to: the address is
 * checked, not the name, and it is the very one that the connection is made to, so that a name which answers
 * differently the second time gains nothing. Certificates are always verified.
 */
export function createOutbound({ allowPrivate = false, lookup }: OutboundOptions = {}): SendOutbound {
  const guard = { allowPrivateIPAddress: allowPrivate, allowMetaIPAddress: allowPrivate };
  const agents = {
    http: new RequestFilteringHttpAgent(guard),
    https: new RequestFilteringHttpsAgent({ ...guard, rejectUnauthorized: true }),
  };
  return (request) => send(request, agents, lookup);
}

interface Agents {
  http: RequestFilteringHttpAgent;
  https: RequestFilteringHttpsAgent;
}

function send(
  { method, url, headers = {}, body = '', timeoutMs, maxBytes }: OutboundRequest,
  agents: Agents,
  lookup: LookupFunction | undefined,
): Promise<OutboundResponse> {
  const options = { method, headers, ...(lookup === undefined ? {} : { lookup }) };
  return new Promise((resolve, reject) => {
    const req =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, agent: agents.https })
        : requestHttp(url, { ...options, agent: agents.http });
    // An answer that has begun ends like one whose connection breaks.
    let cut = (): unknown => req.destroy(new OutboundError('timeout'));
    const timer = setTimeout(() => cut(), timeoutMs);
    req.on('close', () => clearTimeout(timer));
    req.on('error', (error) => reject(toOutboundError(error)));
    req.on('response', (res) => {
      cut = () => res.destroy();
      void readUpTo(res, maxBytes).then(resolve, reject);
    });
    req.end(body);
  });
}

/** Reads an answer's body as far as it is wanted. Never rejects: what there is of it is the answer. */
function readUpTo(res: IncomingMessage, maxBytes: number): Promise<OutboundResponse> {
  const parts: Buffer[] = [];
  let left = maxBytes;
  return new Promise((resolve) => {
    const end = (isWhole: boolean) => {
      const { statusCode: status = 0, headers } = res;
      resolve({ status, headers, body: Buffer.concat(parts), isWhole });
      res.destroy();
    };
    res.on('data', (part: Buffer) => {
      parts.push(part.subarray(0, left));
      left -= part.length;
      if (left < 0) end(false);
    });
    res.on('end', () => end(true));
    res.on('error', () => end(false));
    res.on('close', () => end(false));
  });
}
