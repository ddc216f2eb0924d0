import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { PROBLEM_CODES, type ProblemCode } from '../problems/problem-codes.ts';
import { contentTypes, type Route } from './route.ts';
import { STREAM_TYPES } from './server.ts';

/** What every failure is answered with. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string(),
    code: z.enum(Object.keys(PROBLEM_CODES) as [ProblemCode, ...ProblemCode[]]),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457. Decide by code; docs/problems explains each.' });

const EVERYWHERE: readonly ProblemCode[] = ['bad-query', 'origin-not-allowed', 'unavailable', 'internal'];
const WITH_BODY: readonly ProblemCode[] = [
  'malformed-json',
  'body-too-large',
  'unsupported-media-type',
  'validation-failed',
];
const WITH_KEY: readonly ProblemCode[] = ['bad-header', 'idempotency-key-reused', 'idempotency-in-flight'];

type Responses = RouteConfig['responses'];

/** The OpenAPI 3.1 document of the routes, from the schemas that also check requests. */
export function describeApi(routes: readonly Route[], version: string): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
  });
  registry.registerComponent('securitySchemes', 'token', {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'A token for one thread or execution, to read it where headers cannot be set.',
  });
  for (const route of routes) registry.registerPath(describeRoute(route));
  const { webhooks: _, ...document } = new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Outlast', version, description: 'Durable agent runs on Postgres.' },
    servers: [{ url: '/' }],
  });
  return document;
}

/** Every problem that a route can answer with. */
export function problemsOf(route: Route): ProblemCode[] {
  const codes: ProblemCode[] = [...EVERYWHERE, ...route.problems];
  if (route.scope !== 'public') codes.push('unauthenticated', 'forbidden');
  if (route.rate !== 'none' && (route.scope !== 'public' || route.rate === 'address'))
    codes.push('rate-limited');
  if (contentTypes(route).some((type) => STREAM_TYPES.has(type))) codes.push('too-many-streams');
  if (Object.keys(route.params.shape).length > 0) codes.push('not-found');
  if (route.method !== 'get') codes.push('draining');
  if (route.body !== undefined) codes.push(...WITH_BODY);
  if (route.rawBody !== undefined) codes.push('malformed-json', 'body-too-large', 'unsupported-media-type');
  if ('idempotency-key' in route.headers.shape) codes.push(...WITH_KEY);
  return [...new Set(codes)];
}

function describeRoute(route: Route): RouteConfig {
  const { method, path, operationId, summary, description, tag } = route;
  return {
    method,
    path,
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    security: securityOf(route),
    request: {
      params: route.params,
      // Its keys are free, which OpenAPI cannot say; the description of the route does.
      query: 'metadata' in route.query.shape ? route.query.omit({ metadata: true }) : route.query,
      headers: route.headers,
      ...describeBody(route),
    },
    responses: { ...describeAnswers(route), ...describeProblems(route) },
  };
}

function securityOf({ scope, tokens, method }: Route): NonNullable<RouteConfig['security']> {
  if (scope === 'public') return [];
  const schemes = ['bearer', 'apiKey'].map((scheme) => ({ [scheme]: [scope] }));
  return tokens !== undefined && method === 'get' ? [...schemes, { token: [] }] : schemes;
}

function describeBody({ body, rawBody = [] }: Route) {
  if (rawBody.length > 0) {
    return {
      body: {
        required: true,
        content: Object.fromEntries(rawBody.map((type) => [type, { schema: z.unknown() }])),
      },
    };
  }
  if (body === undefined) return {};
  const required = !body.safeParse(undefined).success;
  return { body: { required, content: { 'application/json': { schema: body } } } };
}

function describeAnswers({ answers }: Route): Responses {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content, headers }]) => [
      status,
      {
        description,
        ...(content === undefined ? {} : { content: mapValues(content, (schema) => ({ schema })) }),
        ...(headers === undefined ? {} : { headers: mapValues(headers, describeHeader) }),
      },
    ]),
  );
}

function describeHeader(description: string) {
  return { description, schema: { type: 'string' as const } };
}

function describeProblems(route: Route): Responses {
  const descriptions: Record<number, string> = {};
  for (const code of problemsOf(route).sort()) {
    const { status } = PROBLEM_CODES[code];
    const others = descriptions[status];
    descriptions[status] = others === undefined ? code : `${others}, ${code}`;
  }
  const content = { 'application/problem+json': { schema: problemSchema } };
  return mapValues(descriptions, (description) => ({ description, content }));
}

function mapValues<V, W>(object: Record<string, V>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
