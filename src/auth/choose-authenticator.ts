import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { type Config, ConfigError } from '../config/config.ts';
import type { Executor } from '../db/database.ts';
import { type Authenticator, authenticator, openAuthenticator } from './authenticator.ts';
import { parseRoleScopes } from './role-scopes.ts';
import type { UserTokenRules } from './user-tokens.ts';

/** What a person reads at start when nobody is asked who they are. */
export const OPEN_NOTICE =
  'no authentication: whoever reaches this address may do everything (for development; set OUTLAST_AUTH=keys to ask for API keys)';

/** Whether requests have to say who they come from. */
export function asksWho(config: Config): boolean {
  return config.OUTLAST_AUTH === 'keys' || signedBy(config) !== undefined;
}

/** @throws ConfigError when strangers could reach a server that asks nobody who they are */
export function refuseExposed(config: Config): void {
  if (asksWho(config) || isLoopback(config.HOST)) return;
  throw new ConfigError([
    `HOST: ${config.HOST} can be reached from elsewhere, and nobody is asked who they are. Set OUTLAST_AUTH=keys ` +
      '(`outlast keys create` makes one), or OUTLAST_JWT_SECRET or OUTLAST_JWT_JWKS_URL for tokens of users, ' +
      'or leave HOST at 127.0.0.1',
  ]);
}

export function chooseAuthenticator(config: Config, db: Executor, logger: Logger): Authenticator {
  return asksWho(config) ? authenticator(db, rulesOf(config), logger) : openAuthenticator();
}

function rulesOf(config: Config): UserTokenRules | undefined {
  const by = signedBy(config);
  if (by === undefined) return undefined;
  return {
    signedBy: by,
    // A config without these is none.
    issuer: config.OUTLAST_JWT_ISSUER as string,
    audience: config.OUTLAST_JWT_AUDIENCE as string,
    tenantClaim: config.OUTLAST_JWT_TENANT_CLAIM,
    rolesClaim: config.OUTLAST_JWT_ROLES_CLAIM,
    roleScopes: parseRoleScopes(config.OUTLAST_JWT_ROLE_SCOPES),
  };
}

function signedBy(config: Config): UserTokenRules['signedBy'] | undefined {
  const { OUTLAST_JWT_SECRET: secret, OUTLAST_JWT_JWKS_URL: jwksUrl } = config;
  if (secret !== undefined) return { secret };
  return jwksUrl === undefined ? undefined : { jwksUrl };
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}
