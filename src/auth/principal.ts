import { OPEN_SCOPE, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { ACCESS, type Access, everyAccess } from './access.ts';

/** Who a request comes from, and what they may do. */
export interface Principal {
  readonly kind: 'open' | 'api-key' | 'user';
  /** Of the key or the user. */
  readonly id: string;
  readonly tenantId: string;
  /** Whose things it sees; null: those of the whole tenant. */
  readonly ownerId: string | null;
  readonly scopes: ReadonlySet<Access>;
  /** As the token of a user names them; tools may name them as approvers. */
  readonly roles: readonly string[];
  /** When a token ends, in milliseconds since 1970; undefined where the database says it. */
  readonly expiresAt?: number;
}

/** Everybody, where nobody is asked who they are. */
export const OPEN_PRINCIPAL: Principal = Object.freeze({
  kind: 'open',
  id: OPEN_SCOPE.ownerId,
  ...OPEN_SCOPE,
  scopes: everyAccess(ACCESS),
  roles: [],
});

/** Whose data the principal's queries may touch, and in whose name it acts. */
export function scopeOf({ id, tenantId, ownerId, roles }: Principal): Scope {
  return { tenantId, ownerId: ownerId ?? `key:${id}`, seesTenant: ownerId === null, roles };
}

/** @throws Problem forbidden */
export function demand({ scopes }: Principal, access: Access): void {
  if (scopes.has(access)) return;
  throw new Problem('forbidden', `This needs the scope ${access}`, {
    headers: {
      'www-authenticate': `Bearer realm="outlast", error="insufficient_scope", scope="${access}"`,
    },
  });
}
