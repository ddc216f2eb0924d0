import express, { type Application, type NextFunction, type Request, type Response } from 'express';
import { secretsOf } from '../config/config.ts';
import { redactor } from '../config/redact.ts';
import { Problem } from '../problems/problem.ts';
import { allRoutes } from './all-routes.ts';
import { setHeaders } from './answer.ts';
import { corsHeaders, isPreflight, PREFLIGHT_HEADERS } from './cors.ts';
import type { HttpDeps } from './deps.ts';
import { sendFailure } from './failure.ts';
import { mountRoutes } from './mount-routes.ts';
import { originGuard } from './origin-guard.ts';
import { openRequestLog } from './request-log.ts';
import { operationRoutes } from './routes/operations.ts';

/** Set on every answer; pages of the server itself loosen the policy for themselves. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

/** The whole HTTP side of the server. */
export function createApp(deps: HttpDeps): Application {
  const app = express();
  const redact = redactor(secretsOf(deps.config));
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing');
  // Read from the URL by the routes themselves.
  app.set('query parser', false);
  app.use(guardRequests(deps));
  // A process that only works tells how it is, and serves nothing else.
  mountRoutes(app, deps.config.OUTLAST_ROLE === 'worker' ? operationRoutes : allRoutes(deps), deps);
  app.use((req: Request) => {
    throw new Problem('not-found', `There is no route ${req.method} ${req.path}`);
  });
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) => {
    sendFailure(req, res, error, { logger: res.locals.logger ?? deps.logger, redact });
  });
  return app;
}

/** What comes before any route: the request's id, security headers, and who may ask at all. */
function guardRequests({ auth, config, logger }: HttpDeps) {
  const guard = originGuard(config.OUTLAST_ALLOWED_ORIGINS, auth.isOpen);
  return (req: Request, res: Response, next: NextFunction) => {
    res.locals.logger = openRequestLog(req, res, logger);
    setHeaders(res, SECURITY_HEADERS);
    const allowedOrigin = guard.check(req.headers);
    if (allowedOrigin !== undefined) setHeaders(res, corsHeaders(allowedOrigin));
    if (allowedOrigin === undefined || !isPreflight(req.method, req.headers)) return next();
    setHeaders(res, PREFLIGHT_HEADERS);
    res.statusCode = 204;
    res.end();
  };
}
