import express, { type Application, type NextFunction, type Request, type Response } from 'express';
import { secretsOf } from '../config/config.ts';
import { redactor } from '../config/redact.ts';
import { parseTrustedProxies } from '../config/trusted-proxies.ts';
import { isTransient } from '../db/errors.ts';
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

/** Set on every answer; pages of the server itself loosen the policy for themselves. HSTS is for who ends TLS. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  vary: 'Origin',
};

/** The whole HTTP side of the server. */
export function createApp(deps: HttpDeps): Application {
  const app = express();
  const redact = redactor(secretsOf(deps.config));
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing');
  // Read from the URL by the routes themselves.
  app.set('query parser', false);
  app.set('trust proxy', parseTrustedProxies(deps.config.OUTLAST_TRUST_PROXY));
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

/** Headers that a request may have; their bytes are limited by the server. */
const MOST_HEADERS = 100;

/** What HTTP does not allow, or nobody has a use for. */
function refuseOdd({ rawHeaders, headers, httpVersion }: Request): void {
  if (rawHeaders.length > 2 * MOST_HEADERS) {
    throw new Problem('headers-too-large', `The request has more than ${MOST_HEADERS} headers`);
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new Problem('bad-request', 'The Host header is missing');
  }
}

/**
 * The origin, if an app lets in pages of it. A preflight says neither which app nor who asks: whether the request
 * itself may be made is told when it comes.
 */
async function pageOfApp(
  { auth, pageOrigins }: Pick<HttpDeps, 'auth' | 'pageOrigins'>,
  origin: string | undefined,
): Promise<string | undefined> {
  if (origin === undefined || auth.isOpen) return undefined;
  try {
    return (await pageOrigins.include(origin)) ? origin : undefined;
  } catch (error) {
    if (isTransient(error)) return undefined;
    throw error;
  }
}

/** What comes before any route: the request's id, security headers, and who may ask at all. */
function guardRequests({ auth, pageOrigins, config, logger }: HttpDeps) {
  const guard = originGuard(config.OUTLAST_ALLOWED_ORIGINS, auth.isOpen);
  return async (req: Request, res: Response, next: NextFunction) => {
    res.locals.logger = openRequestLog(req, res, logger);
    setHeaders(res, SECURITY_HEADERS);
    refuseOdd(req);
    const named = guard.check(req.headers);
    // Only these are few: of an app, every name below a domain may be one, by whose number no limit must grow.
    res.locals.allowedOrigin = named;
    const allowedOrigin = named ?? (await pageOfApp({ auth, pageOrigins }, req.headers.origin));
    if (allowedOrigin !== undefined) setHeaders(res, corsHeaders(allowedOrigin));
    if (allowedOrigin === undefined || !isPreflight(req.method, req.headers)) return next();
    setHeaders(res, PREFLIGHT_HEADERS);
    res.statusCode = 204;
    res.end();
  };
}
