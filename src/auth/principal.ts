import type { Actor } from '../audit/actor.ts';
import { type Only, OPEN_SCOPE, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { ACCESS, type Access, everyAccess } from './access.ts';
import { holds, type TokenScope } from './token-scopes.ts';

/** Who a request comes from, and what they may do. */
export interface Principal {
  readonly kind: 'open' | 'api-key' | 'user' | 'token' | 'session';
  /** Of the key, the user or the token. */
  readonly id: string;
  readonly tenantId: string;
  /** Whose things it sees; null: those of the whole tenant. */
  readonly ownerId: string | null;
  readonly scopes: ReadonlySet<Access>;
  /** As the token of a user names them; tools may name them as approvers. */
  readonly roles: readonly string[];
  /** By what people know it, if not by the id: the prefix of a key, the app of a session. */
  readonly via?: string;
  /** When the token of a user ends, in milliseconds since 1970; undefined where the database says it. */
  readonly expiresAt?: number;
  /** It may do no more than this. */
  readonly grant?: Grant;
  /** It comes from a page of this app, and may come from no other. */
  readonly app?: PageApp;
}

/** What an app lets its visitors do. */
export interface PageApp {
  /** As `parseAllowedOrigin` gives them. */
  readonly allowedOrigins: readonly string[];
  /** The only agents that there are for them; the first answers where nobody names one. */
  readonly agentIds: readonly string[];
}

/** What somebody gave away of what they may do themselves. */
export interface Grant {
  readonly scope: TokenScope;
  readonly only: Only;
  /** In whose name it acts. */
  readonly madeBy: string;
}

/** What a token for one thing has to be for, by what the thing is; of what is not named, no token is let in. */
export type OpenToTokens = Readonly<{ execution?: TokenScope; thread?: TokenScope }>;

/** Everybody, where nobody is asked who they are. */
export const OPEN_PRINCIPAL: Principal = Object.freeze({
  kind: 'open',
  id: OPEN_SCOPE.ownerId,
  ...OPEN_SCOPE,
  scopes: everyAccess(ACCESS),
  roles: [],
});

/** Whose data the principal's queries may touch, and in whose name it acts. */
export function scopeOf({ id, tenantId, ownerId, roles, grant }: Principal): Scope {
  if (grant === undefined)
    return { tenantId, ownerId: ownerId ?? `key:${id}`, seesTenant: ownerId === null, roles };
  const { madeBy, only } = grant;
  // Only who sees the whole tenant can have given away what is another's.
  return { tenantId, ownerId: madeBy, seesTenant: madeBy !== ownerId, roles, only, keysOf: keysOf(grant) };
}

/** The same for each token for the thing: a request may be sent again with the next one. */
function keysOf({ madeBy, only }: Grant): string {
  return `token:${madeBy}:${'threadNo' in only ? `thread:${only.threadNo}` : `execution:${only.executionId}`}`;
}

/** Who acts in a request of the principal's. */
export function actorOf({ kind, id, via, grant }: Principal, requestId: string): Actor {
  return { kind, id, via: via ?? grant?.madeBy, requestId };
}

/** @throws Problem forbidden */
export function demand({ scopes }: Principal, access: Access): void {
  if (!scopes.has(access)) throw forbidden(`This needs the scope ${access}`, `, scope="${access}"`);
}

/**
 * Lets in everybody who came by themselves, and of those who show a token for one thing whom it is open to. Whether
 * it is the thing of the request, the queries tell.
 * @throws Problem forbidden
 */
export function admitToken({ grant }: Principal, open: OpenToTokens = {}): void {
  if (grant === undefined) return;
  const needed = 'threadNo' in grant.only ? open.thread : open.execution;
  if (needed === undefined) throw forbidden('This is not open to tokens for one thing');
  if (!holds(grant.scope, needed)) throw forbidden(`This needs a token with the scope ${needed}`);
}

export function forbidden(detail: string, more = ''): Problem {
  return new Problem('forbidden', detail, {
    headers: { 'www-authenticate': `Bearer realm="outlast", error="insufficient_scope"${more}` },
  });
}
