import type { Application, Request, Response } from 'express';
import { onlyAgents } from '../agents/only-agents.ts';
import { actorOf, admitToken, demand, OPEN_PRINCIPAL, type Principal, scopeOf } from '../auth/principal.ts';
import { Problem } from '../problems/problem.ts';
import { type Answer, type StreamAnswer, send, setHeaders } from './answer.ts';
import { clientAddress } from './client-address.ts';
import type { HttpDeps } from './deps.ts';
import { parseInput, readQuery } from './parse-input.ts';
import { bodyReader, type ReadBody } from './read-body.ts';
import { readBytes } from './read-bytes.ts';
import { type Call, contentTypes, type Route } from './route.ts';
import { STREAM_TYPES } from './server.ts';
import { closedSignal, responseSink } from './stream/sink.ts';

/** The parameter of a query by which somebody says who they are. */
const TOKEN = 'token';

/** Who asks where nobody is asked: sees nothing, may do nothing. */
const NOBODY: Principal = { ...OPEN_PRINCIPAL, id: '', tenantId: '', ownerId: '', scopes: new Set() };

/** Makes Express answer the routes, and every other method on their paths. */
export function mountRoutes(app: Application, routes: readonly Route[], deps: HttpDeps): void {
  const readUsual = bodyReader(deps.config.OUTLAST_BODY_LIMIT);
  // Path by path: one that comes first is not taken for a later one with a parameter, whatever the method.
  for (const [path, allow] of allowedMethods(routes)) {
    for (const route of routes.filter((each) => each.path === path)) {
      const limit = route.bodyLimit ?? deps.config.OUTLAST_BODY_LIMIT;
      const readBody = route.bodyLimit === undefined ? readUsual : bodyReader(route.bodyLimit);
      app[route.method](expressPath(path), async (req, res) => {
        const principal = await admit(route, req, res, deps);
        holdPlace(route, principal, req, res, deps);
        const call = await parseCall(route, req, res, { readBody, principal, limit }, deps);
        await sendAnswer(req, res, await route.handle(call, depsOf(route, principal, deps)));
      });
    }
    app.all(expressPath(path), refuseMethod(allow));
  }
}

/** A handler works on the database of the caller's tenant, whatever its queries ask for, and with their agents. */
function depsOf({ scope }: Pick<Route, 'scope'>, { tenantId, app }: Principal, deps: HttpDeps): HttpDeps {
  if (scope === 'public') return deps;
  const agents = app === undefined ? deps.agents : onlyAgents(deps.agents, app.agentIds);
  return { ...deps, db: deps.databaseOf(tenantId), agents };
}

/** The value of `Allow` for each path. */
export function allowedMethods(routes: readonly Route[]): Map<string, string> {
  const allowed = new Map<string, string>();
  for (const { path, method } of routes) {
    const methods = method === 'get' ? 'GET, HEAD' : method.toUpperCase();
    allowed.set(path, [allowed.get(path), methods].filter((each) => each !== undefined).join(', '));
  }
  return allowed;
}

function refuseMethod(allow: string) {
  return (req: Request, res: Response) => {
    const methods = `${allow}, OPTIONS`;
    if (req.method === 'OPTIONS')
      return send(res, { kind: 'empty', status: 204, headers: { allow: methods } });
    throw new Problem('method-not-allowed', `${req.method} is not allowed here`, {
      headers: { allow: methods },
    });
  };
}

/**
 * Lets in who may use the route, before anything else of the request is looked at. Whatever it is answered with ends
 * when the grant does.
 */
async function admit(
  { scope, tokens, rate }: Pick<Route, 'scope' | 'tokens' | 'rate'>,
  req: Request,
  res: Response,
  { auth, limits }: Pick<HttpDeps, 'auth' | 'limits'>,
): Promise<Principal> {
  const nameless = () => limits.takeFrom(addressOf(req, res));
  if (rate === 'address') nameless();
  if (scope === 'public') return NOBODY;
  const principal = await auth.authenticate(req.headers, tokenInUrl(req)).catch((error: unknown) => {
    // Whoever shows a good key is let in, whoever else is at this address.
    if (error instanceof Problem && error.code === 'unauthenticated') nameless();
    throw error;
  });
  if (rate !== 'none') limits.takeRequest(principal);
  admitToken(principal, tokens);
  demand(principal, scope);
  const release = auth.hold(principal, () => res.destroy());
  if (res.closed) release();
  else res.once('close', release);
  return principal;
}

/** By whom requests of nobody in particular are counted. */
function addressOf(req: Request, res: Response): string {
  return `${clientAddress(req)} ${res.locals.allowedOrigin ?? ''}`;
}

/** Before anything is done: a request whose stream is refused must have had no effect. */
function holdPlace(
  route: Route,
  principal: Principal,
  req: Request,
  res: Response,
  { limits }: Pick<HttpDeps, 'limits'>,
): void {
  if (res.closed || req.method === 'HEAD' || !wantsStream(route, req)) return;
  res.once('close', limits.takeStream(principal));
}

/** Some routes answer with a stream only to whom asks for one. */
function wantsStream(route: Route, req: Request): boolean {
  const types = contentTypes(route);
  const streams = types.filter((type) => STREAM_TYPES.has(type));
  if (streams.length === 0 || !types.includes('application/json')) return streams.length > 0;
  return req.accepts(['application/json', ...streams]) !== 'application/json';
}

/** Checks the parts of a request one after another; what is cheap to refuse comes first. */
async function parseCall(
  route: Route,
  req: Request,
  res: Response,
  { readBody, principal, limit }: { readBody: ReadBody; principal: Principal; limit: number },
  deps: HttpDeps,
): Promise<Call<unknown, unknown, unknown, unknown>> {
  const params = parseParams(route, req);
  const query = parseInput(route.query, queryOf(route, req), 'bad-query');
  const headers = parseInput(route.headers, req.headers, 'bad-header');
  if (route.method !== 'get' && deps.isDraining()) {
    throw new Problem('draining', 'The server is shutting down', { headers: { 'retry-after': '1' } });
  }
  const body = route.body && parseInput(route.body, await readBody(req), 'validation-failed');
  return {
    params,
    query,
    headers,
    body,
    scope: { ...scopeOf(principal), actor: actorOf(principal, String(res.getHeader('x-request-id'))) },
    principal,
    demand: (access) => demand(principal, access),
    method: req.method,
    path: req.path,
    raw: {
      headers: req.headersDistinct,
      address: addressOf(req, res),
      read: () => readBytes(req, limit),
    },
    gone: closedSignal(res),
    prefers: (types) => req.accepts([...types]) || types[0],
  };
}

function parseParams(route: Route, req: Request): unknown {
  const parsed = route.params.safeParse(req.params);
  if (parsed.success) return parsed.data;
  throw new Problem('not-found', 'There is nothing at this path');
}

/** Only what is read may carry a token in its URL, and one: elsewhere it is a parameter that nobody knows. */
function tokenInUrl(req: Request): string | undefined {
  if (req.method !== 'GET' && req.method !== 'HEAD') return undefined;
  const shown = new URLSearchParams(searchOf(req)).getAll(TOKEN);
  return shown.length > 1 ? '' : shown[0];
}

/** What a request asks, without who asks. */
function queryOf({ method, scope }: Pick<Route, 'method' | 'scope'>, req: Request): Record<string, unknown> {
  const query = readQuery(searchOf(req));
  if (method === 'get' && scope !== 'public') delete query[TOKEN];
  return query;
}

function searchOf(req: Request): string {
  const start = req.url.indexOf('?');
  return start === -1 ? '' : req.url.slice(start);
}

async function sendAnswer(req: Request, res: Response, answer: Answer): Promise<void> {
  if (answer.kind !== 'stream') return send(res, answer);
  if (req.method === 'HEAD') return send(res, { ...answer, kind: 'empty' });
  await sendStream(res, answer);
}

async function sendStream(res: Response, { status, headers, pump }: StreamAnswer): Promise<void> {
  setHeaders(res, headers);
  res.statusCode = status;
  res.flushHeaders();
  const signal = closedSignal(res);
  await pump(responseSink(res, signal));
  if (!signal.aborted) res.end();
}

/** `/executions/{id}` is `/executions/:id` to Express. */
function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
