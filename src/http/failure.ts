import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { Redact } from '../config/redact.ts';
import { isTransient } from '../db/errors.ts';
import { Problem, type ProblemBody } from '../problems/problem.ts';
import { setHeaders } from './answer.ts';
import { endAnswer } from './end-answer.ts';

/** Answers with a problem, whatever was thrown; a bug is logged and answered with a 500 that tells nothing. */
export function sendFailure(
  req: Request,
  res: Response,
  error: unknown,
  { logger, redact }: { logger: Logger; redact: Redact },
): void {
  const problem = toProblem(error);
  if (problem.status >= 500) {
    logger.error({ err: error, method: req.method, path: req.path }, 'http.failed');
  }
  if (res.headersSent) {
    // A clean end would look like success.
    res.destroy();
    return;
  }
  const body = JSON.stringify(withoutSecrets(redact, problem.toBody(req.path)));
  res.statusCode = problem.status;
  setHeaders(res, { ...problem.headers, 'content-type': 'application/problem+json' });
  res.setHeader('content-length', Buffer.byteLength(body));
  endAnswer(res, body);
}

/** What is told of a failure, whatever was thrown. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isTransient(error)) {
    return new Problem('unavailable', 'The database did not answer in time; try again', {
      headers: { 'retry-after': '1' },
      cause: error,
    });
  }
  // Percent-encoding that is no UTF-8: such a path cannot lead to anything.
  if (error instanceof URIError) return new Problem('not-found', 'There is nothing at this path');
  return new Problem('internal', 'See the log of the server', { cause: error });
}

/** What problems say in words may quote what went wrong. What else they have is data, and as it was. */
function withoutSecrets(redact: Redact, body: ProblemBody): ProblemBody {
  const errors = body.errors?.map(({ pointer, message }) => ({ pointer, message: redact(message) }));
  return {
    ...body,
    ...(body.detail === undefined ? {} : { detail: redact(body.detail) }),
    ...(errors === undefined ? {} : { errors }),
  };
}
