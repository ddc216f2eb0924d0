import type { IncomingMessage } from 'node:http';
import { Problem } from '../problems/problem.ts';

/**
 * The body of a request as it was sent. One that is too large is refused at the first byte too many, or by its length
 * alone: who sends without an end must not be listened to until then.
 * @throws Problem body-too-large; bad-request when the client is gone before its end
 */
export function readBytes(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const settle = (done: () => void) => {
      req.off('data', take).off('end', end).off('error', gone).off('close', gone);
      done();
    };
    const tooLarge = () => {
      const detail = `The body is larger than ${limit} bytes`;
      settle(() => reject(new Problem('body-too-large', detail, { extra: { limit } })));
    };
    const take = (part: Buffer) => {
      size += part.length;
      if (size > limit) return tooLarge();
      parts.push(part);
    };
    const end = () => settle(() => resolve(Buffer.concat(parts, size)));
    const gone = () =>
      settle(() =>
        reject(new Problem('bad-request', 'The connection was closed before the end of the body')),
      );
    if (req.destroyed) return gone();
    if (Number(req.headers['content-length'] ?? 0) > limit) return tooLarge();
    req.on('data', take).on('end', end).on('error', gone).on('close', gone);
  });
}
