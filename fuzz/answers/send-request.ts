import { type Agent, request as open } from 'node:http';

/** What is sent, with every reference replaced. */
export interface ReadyRequest {
  method: string;
  target: string;
  headers: readonly (readonly [string, string])[];
  body: string | undefined;
}

/** What came, or why nothing did. */
export interface FuzzAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The beginning, where the client left before the end. */
  text: string;
  tookMs: number;
  /** Nothing more was waited for: the answer is one that takes its time. */
  hungUp: boolean;
  fault?: string;
}

/** So long an answer may take. */
export const LONGEST_MS = 10_000;
/** An answer that comes bit by bit, or only when something happens, is left after so long. */
const PATIENCE_MS = 120;
/** A body over the limit is refused before it is there, and whoever goes on sending for a second is cut off. */
const MAY_BE_CUT = 1024 * 1024;
const NOTHING = { status: 0, headers: {}, text: '', hungUp: false };

/** Whether an answer may rightly not have come after ten seconds. */
function takesItsTime(target: string): boolean {
  return /\/(?:stream|wait)(?:\?|$)/.test(target);
}

/**
 * Sends a request and reads what comes, but of an answer without an end only what comes at first. A connection that
 * was used before may be closed just then: what gets no answer on it is sent again on one of its own.
 */
export async function sendRequest(agent: Agent, url: string, request: ReadyRequest): Promise<FuzzAnswer> {
  const answer = await sendOver(agent, url, request);
  return answer.wasClosed === true ? sendOver(false, url, request) : answer;
}

function sendOver(
  agent: Agent | false,
  url: string,
  request: ReadyRequest,
): Promise<FuzzAnswer & { wasClosed?: boolean }> {
  const { hostname, port } = new URL(url);
  const { method, target, body } = request;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let answer: Omit<FuzzAnswer, 'tookMs'> = NOTHING;
    const settle = (more: Partial<FuzzAnswer & { wasClosed: boolean }> = {}) => {
      clearTimeout(deadline);
      clearTimeout(patience);
      resolve({ ...answer, tookMs: performance.now() - startedAt, ...more });
      if (more.hungUp === true) sent.destroy();
    };
    const leave = () => settle({ hungUp: true });
    const deadline = setTimeout(() => settle({ hungUp: true, fault: 'no answer' }), LONGEST_MS);
    let patience = takesItsTime(target) ? setTimeout(leave, PATIENCE_MS) : undefined;
    const options = { agent, hostname, port, path: target, method, headers: grouped(framed(request)) };
    const sent = open(options, (response) => {
      const { statusCode: status = 0, headers } = response;
      answer = { status, headers, text: '', hungUp: false };
      if (isOpenEnded(headers['content-type'])) patience ??= setTimeout(leave, PATIENCE_MS);
      response.setEncoding('utf8').on('data', (part: string) => {
        answer.text += part;
      });
      response.on('error', (error) => settle({ fault: `the answer broke off: ${error.message}` }));
      response.on('end', () => settle());
    });
    sent.on('error', (error) => {
      if ((body?.length ?? 0) > MAY_BE_CUT) return settle({ hungUp: true });
      settle({ fault: error.message, wasClosed: sent.reusedSocket && answer.status === 0 });
    });
    sent.end(body);
  });
}

function isOpenEnded(type: string | undefined): boolean {
  return /event-stream|ndjson/.test(type ?? '');
}

/** With a length: left to itself, Node sends the body of a GET without one, where the next request should be. */
function framed({ headers, body }: ReadyRequest): ReadyRequest['headers'] {
  const isFramed = headers.some(([name]) => name === 'transfer-encoding');
  return body === undefined || isFramed
    ? headers
    : [...headers, ['content-length', String(Buffer.byteLength(body))]];
}

/** A header that is there twice is sent twice. */
function grouped(headers: ReadyRequest['headers']): Record<string, string | string[]> {
  const groups: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const before = groups[name];
    groups[name] = before === undefined ? value : [before, value].flat();
  }
  return groups;
}
