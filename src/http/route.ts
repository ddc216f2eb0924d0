import { z } from 'zod';
import type { Access } from '../auth/access.ts';
import type { OpenToTokens, Principal } from '../auth/principal.ts';
import type { Scope } from '../db/scope.ts';
import type { ProblemCode } from '../problems/problem-codes.ts';
import type { Answer } from './answer.ts';
import type { HttpDeps } from './deps.ts';

/** What came, before anything was made of it. */
export interface RawRequest {
  /** By their names in small letters, each with every value that was sent. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  /** By what the client is counted when it does not say who it is. */
  readonly address: string;
  /** The bytes of the body, for routes that have a `rawBody`. @throws Problem body-too-large */
  read(): Promise<Buffer>;
}

/** A request as a handler gets it: what the schemas let through, and who asks. */
export interface Call<Params, Query, Headers, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  readonly scope: Scope;
  readonly principal: Principal;
  /** Asks for more than the route does. @throws Problem forbidden */
  demand(access: Access): void;
  readonly method: string;
  readonly path: string;
  /** The request as it came, for what is signed. */
  readonly raw: RawRequest;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  /** The one of `types` that the client would rather have; the first if it does not say. */
  prefers(types: readonly [string, ...string[]]): string;
}

/** What an answer with this status has, for the document. */
export interface AnswerDescription {
  description: string;
  content?: Record<string, z.ZodType>;
  headers?: Record<string, string>;
}

type Handle<P, Q, H, B> = (call: Call<P, Q, H, B>, deps: HttpDeps) => Answer | Promise<Answer>;

export interface RouteDefinition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As in OpenAPI: `/executions/{id}`. */
  path: string;
  /** What it takes to be let in; `public`: nobody is asked. */
  scope: Access | 'public';
  /** What a token for one thing has to be for; absent: none is let in. */
  tokens?: OpenToTokens;
  /**
   * Whose limit a request counts for. Default: that of who asks; on public routes nobody's. `address`: that of the
   * client's address, for what is public and yet costs something. `none`: nobody's.
   */
  rate?: 'address' | 'none';
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  /** What does not fit is a 404: such a thing cannot exist. */
  params?: P;
  /** Strict: an unknown parameter is a 400. */
  query?: Q;
  /** The headers that the route reads; others are let through. */
  headers?: H;
  body?: B;
  /** The types of a body that the route reads by itself, as bytes. */
  rawBody?: readonly string[];
  /** Bytes that its body may have, where it is not what the configuration says. */
  bodyLimit?: number;
  answers: Record<number, AnswerDescription>;
  /** The problems that are this route's own. */
  problems?: readonly ProblemCode[];
  handle: Handle<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>;
}

/** A route with the types of its input left out, as the registry keeps it. */
export interface Route
  extends Omit<RouteDefinition<z.ZodObject, z.ZodObject, z.ZodObject, z.ZodType>, 'handle'> {
  params: z.ZodObject;
  query: z.ZodObject;
  headers: z.ZodObject;
  problems: readonly ProblemCode[];
  handle: Handle<unknown, unknown, unknown, unknown>;
}

const NOTHING = z.strictObject({});
const ANY_HEADERS = z.object({});

/**
 * Defines a route: what it takes and gives, in one place. From it come the check of requests, the types of its
 * handler, the OpenAPI document and the `Allow` header.
 */
export function route<
  P extends z.ZodObject = typeof NOTHING,
  Q extends z.ZodObject = typeof NOTHING,
  H extends z.ZodObject = typeof ANY_HEADERS,
  B extends z.ZodType = z.ZodUndefined,
>(definition: RouteDefinition<P, Q, H, B>): Route {
  return {
    params: NOTHING,
    query: NOTHING,
    headers: ANY_HEADERS,
    problems: [],
    ...definition,
    handle: definition.handle as Route['handle'],
  };
}

/** Every type that its answers may have. */
export function contentTypes({ answers }: Pick<Route, 'answers'>): string[] {
  return Object.values(answers).flatMap(({ content = {} }) => Object.keys(content));
}
