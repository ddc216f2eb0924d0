import type { Logger } from 'pino';
import type { Principal } from '../auth/principal.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/database.ts';
import { Problem } from '../problems/problem.ts';
import type { Limited } from './limited.ts';
import { RateLimiter } from './rate-limiter.ts';
import { StreamPlaces } from './stream-places.ts';

/** Requests in a window. A backend with one key may send 200 a second for ever, and 12,000 at once. */
const OF_PRINCIPAL = 12_000;
/** Failures to say who one is, and requests that nobody is asked for. */
const OF_ADDRESS = 300;
const STREAMS = 1000;

/** How much of the server one of those who use it may have. */
export interface RequestLimits {
  /** @throws Problem rate-limited */
  takeRequest(principal: Principal): void;
  /** For requests of nobody in particular. @throws Problem rate-limited */
  takeFrom(address: string): void;
  /** @returns what to call when the stream is over, once @throws Problem too-many-streams */
  takeStream(principal: Principal): () => void;
  stop(): Promise<void>;
}

export interface RequestLimitsOptions {
  config: Pick<
    Config,
    | 'OUTLAST_RATE_LIMIT'
    | 'OUTLAST_RATE_LIMIT_ADDRESS'
    | 'OUTLAST_RATE_WINDOW_SECONDS'
    | 'OUTLAST_MAX_STREAMS'
  >;
  /** Nobody is asked who they are: without a word in the settings there are no limits. */
  isOpen: boolean;
  db: Database;
  logger: Logger;
  onRefused?: (limited: Limited) => void;
}

export function requestLimits(options: RequestLimitsOptions): RequestLimits {
  const { config, isOpen, onRefused } = options;
  const chosen = (setting: number | undefined, usual: number) => setting ?? (isOpen ? 0 : usual);
  const principals = limiterOf(options, 'principal', chosen(config.OUTLAST_RATE_LIMIT, OF_PRINCIPAL));
  const addresses = limiterOf(options, 'address', chosen(config.OUTLAST_RATE_LIMIT_ADDRESS, OF_ADDRESS));
  const streams = new StreamPlaces(chosen(config.OUTLAST_MAX_STREAMS, STREAMS) || Number.POSITIVE_INFINITY);
  const counted = <T>(limited: Limited, take: () => T): T => {
    try {
      return take();
    } catch (error) {
      if (error instanceof Problem) onRefused?.(limited);
      throw error;
    }
  };
  return {
    takeRequest: (principal) => {
      // A stranger on a public page has done no more than a little work to be known.
      const limiter = principal.kind === 'session' ? addresses : principals;
      return counted('principal', () => limiter?.take(nameOf(principal)));
    },
    takeFrom: (address) => counted('address', () => addresses?.take(address)),
    takeStream: (principal) => counted('streams', () => streams.take(nameOf(principal))),
    stop: async () => {
      await principals?.stop();
      await addresses?.stop();
    },
  };
}

function limiterOf(
  { config, db, logger }: RequestLimitsOptions,
  kind: Limited,
  limit: number,
): RateLimiter | undefined {
  if (limit === 0) return undefined;
  return new RateLimiter({ db, kind, limit, windowMs: config.OUTLAST_RATE_WINDOW_SECONDS * 1000, logger });
}

/** What users give away counts for them, or they could have any number of limits. A backend's tokens are its users'. */
function nameOf({ kind, tenantId, id, grant }: Principal): string {
  const isOfUser = grant !== undefined && !grant.madeBy.startsWith('key:');
  return JSON.stringify(isOfUser ? ['user', tenantId, grant.madeBy] : [kind, tenantId, id]);
}
