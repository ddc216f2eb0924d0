import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { isAllowedOrigin } from '../apps/origins.ts';
import type { Executor } from '../db/database.ts';
import { Problem } from '../problems/problem.ts';
import { AccessTokens } from './access-tokens.ts';
import { ApiKeys } from './api-keys.ts';
import { type Credential, credentialOf } from './credentials.ts';
import { GrantWatch } from './grant-watch.ts';
import { OPEN_PRINCIPAL, type Principal } from './principal.ts';
import { type UserTokenRules, userTokens } from './user-tokens.ts';

/** Tells who asks, and ends what they may not have any more. */
export interface Authenticator {
  /** Nobody is asked who they are. */
  readonly isOpen: boolean;
  /**
   * @param inUrl the `token` of the query, where one may stand there
   * @throws Problem unauthenticated, origin-not-allowed, unavailable
   */
  authenticate(headers: IncomingHttpHeaders, inUrl?: string): Promise<Principal>;
  /** Has `end` called when the principal may not have an open answer any more. @returns what to call when it is over */
  hold(principal: Principal, end: () => void): () => void;
  stop(): void;
}

/** For development: everybody is the same user of one tenant, and nothing is looked up. */
export function openAuthenticator(): Authenticator {
  return {
    isOpen: true,
    authenticate: () => Promise.resolve(OPEN_PRINCIPAL),
    hold: () => () => undefined,
    stop: () => undefined,
  };
}

/** Takes API keys, tokens that were given out, and tokens of users where there are rules for them. */
export function authenticator(
  db: Executor,
  rules: UserTokenRules | undefined,
  logger: Logger,
): Authenticator {
  const keys = new ApiKeys(db);
  const tokens = new AccessTokens(db);
  const watch = new GrantWatch({ 'api-key': keys, token: tokens, session: tokens }, logger);
  const findUser = rules === undefined ? async () => undefined : userTokens(rules);
  const find = (shown: Credential) => {
    if ('key' in shown) return keys.find(shown.key);
    return 'jwt' in shown ? findUser(shown.jwt) : tokens.find(shown.accessToken);
  };
  return {
    isOpen: false,
    authenticate: async (headers, inUrl) => {
      const credential = credentialOf(headers, inUrl);
      if (credential === undefined) throw unauthenticated('Show an API key or a token', '');
      const principal = await find(credential);
      if (principal !== undefined) return admitPage(principal, headers.origin);
      throw unauthenticated('What was shown is not valid, or not any more', ', error="invalid_token"');
    },
    hold: (principal, end) => watch.hold(principal, end),
    stop: () => watch.stop(),
  };
}

/** A session is good on the pages of its app only, so that one that got away is of no use on others. */
function admitPage(principal: Principal, origin: string | undefined): Principal {
  const { app } = principal;
  if (app === undefined || isAllowedOrigin(app.allowedOrigins, origin)) return principal;
  throw new Problem('origin-not-allowed', 'This session belongs to a page of another origin');
}

function unauthenticated(detail: string, more: string): Problem {
  return new Problem('unauthenticated', detail, {
    headers: { 'www-authenticate': `Bearer realm="outlast"${more}` },
  });
}
