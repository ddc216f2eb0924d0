import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { Problem } from '../problems/problem.ts';
import { type Access, everyAccess } from './access.ts';
import { isName, isTenantId, isUserId } from './names.ts';
import type { Principal } from './principal.ts';

/** By how much the clocks of whoever signs and of this server may differ. */
export const CLOCK_SKEW_S = 60;

/** What tokens of users have to be. */
export interface UserTokenRules {
  /** The one secret or the one set of keys that signs them: with both, a public key could pass for a secret. */
  signedBy: { secret: string } | { jwksUrl: string };
  issuer: string;
  audience: string;
  /** The claim that names the tenant; undefined: there is one tenant, `default`. */
  tenantClaim: string | undefined;
  rolesClaim: string;
  /** What roles may do beyond what every user may. */
  roleScopes: ReadonlyMap<string, readonly Access[]>;
}

/** Whose token it is; undefined when it is not one to trust. @throws Problem unavailable */
export type FindUser = (token: string) => Promise<Principal | undefined>;

/** What every user may do, with what is their own. */
const OWN: readonly Access[] = ['executions:read', 'executions:write', 'approvals:read', 'approvals:decide'];

/** Checks tokens of users (JWT). The algorithms are pinned by what signs, never taken from the token. */
export function userTokens(rules: UserTokenRules): FindUser {
  const verify = verifierOf(rules.signedBy, {
    issuer: rules.issuer,
    audience: rules.audience,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_SKEW_S,
  });
  return async (token) => {
    const claims = await verify(token).catch(refuse);
    return claims && toPrincipal(rules, claims);
  };
}

function verifierOf(
  signedBy: UserTokenRules['signedBy'],
  options: JWTVerifyOptions,
): (token: string) => Promise<JWTPayload> {
  if ('secret' in signedBy) {
    const secret = new TextEncoder().encode(signedBy.secret);
    const pinned = { ...options, algorithms: ['HS256'] };
    return async (token) => (await jwtVerify(token, secret, pinned)).payload;
  }
  // Kept for ten minutes; an unknown key id makes it look again, at most every half minute.
  const keys = createRemoteJWKSet(new URL(signedBy.jwksUrl), { timeoutDuration: 5000 });
  const pinned = { ...options, algorithms: ['RS256', 'ES256', 'EdDSA'] };
  return async (token) => (await jwtVerify(token, keys, pinned)).payload;
}

/** What is wrong with a token is its sender's fault; that its keys cannot be had is not. */
const NO_FAULT_OF_THE_TOKEN = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']);

function refuse(error: unknown): undefined {
  if (error instanceof errors.JOSEError && !NO_FAULT_OF_THE_TOKEN.has(error.code)) return undefined;
  throw new Problem('unavailable', 'The keys that tokens are checked by cannot be had right now', {
    headers: { 'retry-after': '1' },
    cause: error,
  });
}

function toPrincipal(rules: UserTokenRules, claims: JWTPayload): Principal | undefined {
  const { sub, exp } = claims;
  const tenantId = rules.tenantClaim === undefined ? 'default' : claimOf(claims, rules.tenantClaim);
  // JSON may say 1e999, which is later than all time.
  const expiresAt = new Date((exp ?? Number.NaN) * 1000).getTime();
  if (!isUserId(sub) || Number.isNaN(expiresAt) || !isTenantId(tenantId)) return undefined;
  const roles = rolesOf(claimOf(claims, rules.rolesClaim));
  const scopes = everyAccess([...OWN, ...roles.flatMap((role) => rules.roleScopes.get(role) ?? [])]);
  return { kind: 'user', id: sub, tenantId, ownerId: sub, scopes, roles, expiresAt };
}

/** By its name, else by the way to it: `realm_access.roles`. */
function claimOf(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((value, step) => {
    const isObject = typeof value === 'object' && value !== null;
    return isObject && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
  }, claims);
}

function rolesOf(claim: unknown): string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter(isName);
}
