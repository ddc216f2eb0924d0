import { isNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';
import { isAllowedOrigin } from './origins.ts';

/** How long they are taken as they were found. */
const KEPT_MS = 2000;

/**
 * From where pages of any app may ask, for browsers, which want to know before they say who asks, and of which app:
 * one query for each two seconds in which pages ask.
 */
export class PageOrigins {
  readonly #db: Executor;
  readonly #now: () => number;
  #kept: { found: Promise<readonly string[]>; until: number } | undefined;

  /** @param now a clock in milliseconds that never goes back */
  constructor(db: Executor, now: () => number = () => performance.now()) {
    this.#db = db;
    this.#now = now;
  }

  async include(origin: string): Promise<boolean> {
    return isAllowedOrigin(await this.#look(), origin);
  }

  #look(): Promise<readonly string[]> {
    const now = this.#now();
    if (this.#kept !== undefined && now < this.#kept.until) return this.#kept.found;
    const kept = { found: this.#read(), until: now + KEPT_MS };
    this.#kept = kept;
    // A failure is answered once, and never remembered.
    kept.found.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return kept.found;
  }

  async #read(): Promise<readonly string[]> {
    const rows = await this.#db
      .select({ origins: apps.allowedOrigins })
      .from(apps)
      .where(isNull(apps.disabledAt));
    return [...new Set(rows.flatMap(({ origins }) => origins))];
  }
}
