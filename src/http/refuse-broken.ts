import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Problem } from '../problems/problem.ts';
import type { ProblemCode } from '../problems/problem-codes.ts';

/** Of the headers. */
const END = '\r\n\r\n';

/** What Node says of requests that never reach a route. */
const CODES: Record<string, [ProblemCode, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request did not come in time'],
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'The URL and the headers are larger than 16384 bytes'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['body-too-large', 'The extensions of a chunk are too large'],
};

/**
 * Answers what is no request, and closes the connection. Nothing of what was sent is repeated or logged: nobody knows
 * what it is. Requests before it on the same connection get their own answers first.
 * @param answers what is still open on the connection
 * @param isAnswered the request that it belongs to was answered before it was there as a whole
 */
export function refuseBroken(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
  socket: Duplex,
  { answers, isAnswered }: { answers: readonly ServerResponse[]; isAnswered: boolean },
): void {
  const before = answers.filter(({ req }) => req.complete);
  if (before.length > 0) return closeAfter(before, socket);
  const hasBegun = isAnswered || answers.some(({ headersSent }) => headersSent);
  if (hasBegun || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, detail] = CODES[error.code ?? ''] ?? ['bad-request', 'The request is not valid HTTP/1.1'];
  const answer = write(new Problem(code, detail));
  socket.end(isHead(error) ? answer.slice(0, answer.indexOf(END) + END.length) : answer, () =>
    socket.destroy(),
  );
}

/** As far as it can be told: the packet need not begin with the request. The answer to a HEAD has no body. */
function isHead({ rawPacket }: { rawPacket?: Buffer }): boolean {
  return rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
}

function closeAfter(answers: readonly ServerResponse[], socket: Duplex): void {
  const left = new Set(answers);
  for (const res of answers) {
    res.once('close', () => {
      left.delete(res);
      if (left.size === 0) socket.destroy();
    });
  }
}

function write(problem: Problem): string {
  const body = JSON.stringify(problem.toBody(''));
  return [
    `HTTP/1.1 ${problem.status} ${problem.code}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
