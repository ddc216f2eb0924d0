import { timingSafeEqual } from 'node:crypto';
import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';
import { type Access, everyAccess } from './access.ts';
import { prefixOf } from './api-key.ts';
import { hashSecret } from './hash-secret.ts';
import type { Principal } from './principal.ts';

/** How long a key is taken as it was found. With the next look at open streams this has to stay below 5 seconds. */
const KEPT_MS = 2000;
/** Prefixes that are remembered at once, also such as do not exist. */
const MOST_KEPT = 10_000;
const NO_HASH = '0'.repeat(64);

interface Known {
  readonly principal: Principal;
  readonly hash: string;
  /** Its last use was written down more than a minute ago. */
  isUseOld: boolean;
}

interface Kept {
  readonly found: Promise<Known | undefined>;
  readonly until: number;
}

/** The API keys of the database, as requests are checked by them: a query for each key every two seconds of use. */
export class ApiKeys {
  readonly #db: Executor;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();

  /** @param now a clock in milliseconds that never goes back */
  constructor(db: Executor, now: () => number = () => performance.now()) {
    this.#db = db;
    this.#now = now;
  }

  /** Whose key this is; undefined when it is nobody's, is revoked or has expired. */
  async find(key: string): Promise<Principal | undefined> {
    const prefix = prefixOf(key);
    if (prefix === undefined) return undefined;
    const known = await this.#lookUp(prefix);
    const isRight = timingSafeEqual(Buffer.from(hashSecret(key)), Buffer.from(known?.hash ?? NO_HASH));
    if (known === undefined || !isRight) return undefined;
    this.#noteUse(known);
    return known.principal;
  }

  /** Those of these keys that are still good, by the database of this moment. */
  async findActive(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#db
      .select({ id: apiKeys.id })
      .from(apiKeys)
      .where(and(inArray(apiKeys.id, [...ids]), isActiveKey()));
    return new Set(rows.map(({ id }) => id));
  }

  #lookUp(prefix: string): Promise<Known | undefined> {
    const now = this.#now();
    const kept = this.#kept.get(prefix);
    if (kept !== undefined && now < kept.until) return kept.found;
    const found = this.#read(prefix);
    this.#kept.delete(prefix);
    this.#kept.set(prefix, { found, until: now + KEPT_MS });
    this.#forgetOldest();
    // A failure is answered once, and never remembered.
    found.catch(() => this.#kept.delete(prefix));
    return found;
  }

  #forgetOldest(): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #read(prefix: string): Promise<Known | undefined> {
    const [row] = await this.#db
      .select({
        key: apiKeys,
        isUseOld: sql<boolean>`coalesce(${apiKeys.lastUsedAt} < clock_timestamp() - interval '1 minute', true)`,
      })
      .from(apiKeys)
      .where(and(eq(apiKeys.prefix, prefix), isActiveKey()));
    return row && { principal: principalOf(row.key), hash: row.key.hash, isUseOld: row.isUseOld };
  }

  /** At most once a minute, and never waited for: nothing is decided by it. */
  #noteUse(known: Known): void {
    if (!known.isUseOld) return;
    known.isUseOld = false;
    this.#db
      .update(apiKeys)
      .set({ lastUsedAt: sql`clock_timestamp()` })
      .where(eq(apiKeys.id, known.principal.id))
      .catch(() => undefined);
  }
}

/** The condition for a key that is still good. */
export function isActiveKey(): SQL {
  const isUnexpired = or(isNull(apiKeys.expiresAt), sql`${apiKeys.expiresAt} > clock_timestamp()`);
  return and(isNull(apiKeys.revokedAt), isUnexpired) as SQL;
}

function principalOf({ id, tenantId, ownerId, scopes, prefix }: typeof apiKeys.$inferSelect): Principal {
  return {
    kind: 'api-key',
    id,
    tenantId,
    ownerId,
    via: prefix,
    scopes: everyAccess(scopes as Access[]),
    roles: [],
  };
}
