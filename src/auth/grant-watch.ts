import type { Logger } from 'pino';
import { isTransient } from '../db/errors.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Principal } from './principal.ts';
import { CLOCK_SKEW_S } from './user-tokens.ts';

/** How often open answers are held to what their senders may still do. */
const LOOK_MS = 2000;

interface Held {
  readonly principal: Principal;
  /** In milliseconds since 1970. */
  readonly endsAt: number;
  end(): void;
}

/**
 * Ends answers that are still open when the key they were asked with is revoked, or key or token expire: one query
 * every two seconds for all of them, and none while no key is in use. While the database cannot be read they stay:
 * nobody can revoke a key in it either.
 */
export class GrantWatch {
  readonly #keys: Pick<ApiKeys, 'findActive'>;
  readonly #logger: Logger;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(keys: Pick<ApiKeys, 'findActive'>, logger: Logger) {
    this.#keys = keys;
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
    const byKey = [...this.#held].filter(({ principal }) => principal.kind === 'api-key');
    if (byKey.length === 0) return;
    const active = await this.#keys.findActive([...new Set(byKey.map(({ principal }) => principal.id))]);
    for (const held of byKey) if (!active.has(held.principal.id)) this.#end(held);
  }

  #end(held: Held): void {
    this.#held.delete(held);
    held.end();
  }
}

/** With its token; what was asked for after that, within what clocks may differ by, when that is over, too. */
function endOf({ expiresAt = Number.POSITIVE_INFINITY }: Principal): number {
  return expiresAt > Date.now() ? expiresAt : expiresAt + CLOCK_SKEW_S * 1000;
}
