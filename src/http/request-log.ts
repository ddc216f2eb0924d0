import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';

/** Gives the request its id, and a logger that carries it; logs the answer when it has ended. */
export function openRequestLog(req: Request, res: Response, logger: Logger): Logger {
  const requestId = requestIdOf(req.headers['x-request-id']);
  res.setHeader('x-request-id', requestId);
  const requestLogger = logger.child({ requestId });
  const startedAt = performance.now();
  res.once('close', () => {
    const durationMs = Math.round(performance.now() - startedAt);
    const { statusCode: status, writableFinished: finished } = res;
    requestLogger.debug(
      { method: req.method, path: req.path, status, finished, durationMs },
      'http.answered',
    );
  });
  return requestLogger;
}

/** The id that the client sent, if it is well-formed, else a new one. */
export function requestIdOf(sent: string | string[] | undefined): string {
  return typeof sent === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(sent) ? sent : randomUUID();
}
