import type { Logger } from 'pino';
import { isTransient } from '../db/errors.ts';
import type { Principal } from './principal.ts';
import { CLOCK_SKEW_S } from './user-tokens.ts';

/** How often open answers are held to what their senders may still do. */
const LOOK_MS = 2000;

/** What is in the database and is good until something there says otherwise. */
interface Grants {
  /** Those of these that are still good. */
  findActive(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Those whose grants are in the database. */
type StoredKind = 'api-key' | 'token' | 'session';

interface Held {
  readonly principal: Principal;
  /** In milliseconds since 1970. */
  readonly endsAt: number;
  end(): void;
}

/**
 * Ends answers that are still open when the key or token they were asked with is revoked or expires: a query for keys
 * and one for tokens every two seconds for all of them, and none while none is in use. While the database cannot be read
 * they stay: nobody can revoke anything in it either.
 */
export class GrantWatch {
  readonly #grants: Readonly<Record<StoredKind, Grants>>;
  readonly #logger: Logger;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(grants: Readonly<Record<StoredKind, Grants>>, logger: Logger) {
    this.#grants = grants;
    this.#logger = logger;
  }

  /** Has `end` called once the principal may not have the answer any more. @returns what to call when it is over */
  hold(principal: Principal, end: () => void): () => void {
    const held = { principal, endsAt: endOf(principal), end };
    this.#held.add(held);
    this.#timer ??= this.#next();
    return () => this.#held.delete(held);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held.clear();
  }

  #next(): NodeJS.Timeout {
    return setTimeout(() => void this.#look(), LOOK_MS).unref();
  }

  async #look(): Promise<void> {
    try {
      await this.#endWhatIsOver();
    } catch (error) {
      if (!isTransient(error)) this.#logger.error({ err: error }, 'auth.look-failed');
    }
    this.#timer = this.#held.size > 0 ? this.#next() : undefined;
  }

  async #endWhatIsOver(): Promise<void> {
    const now = Date.now();
    for (const held of this.#held) if (held.endsAt <= now) this.#end(held);
    for (const grants of new Set(Object.values(this.#grants))) await this.#endInactive(grants);
  }

  async #endInactive(grants: Grants): Promise<void> {
    const ofThese: Partial<Record<Principal['kind'], Grants>> = this.#grants;
    const all = [...this.#held].filter(({ principal }) => ofThese[principal.kind] === grants);
    if (all.length === 0) return;
    const active = await grants.findActive([...new Set(all.map(({ principal }) => principal.id))]);
    for (const held of all) if (!active.has(held.principal.id)) this.#end(held);
  }

  #end(held: Held): void {
    this.#held.delete(held);
    held.end();
  }
}

/** With its token; what was asked for after that, within what clocks may differ by, when that is over, too. */
export function endOf({ expiresAt = Number.POSITIVE_INFINITY }: Principal): number {
  return expiresAt > Date.now() ? expiresAt : expiresAt + CLOCK_SKEW_S * 1000;
}
