import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { Problem } from '../problems/problem.ts';
import { removeFree } from './remove-free.ts';
import { settleTakings } from './settle-takings.ts';

/** At most so often what was taken here is added to what other processes let through. */
const SETTLE_MS = 100;
/** While Postgres cannot be asked, each process counts for itself, and looks this often whether it can again. */
const AWAY_MS = 1000;
/** How often rows of whom all is free again are removed. */
const REMOVE_MS = 60_000;
/** Names in one statement. */
const SETTLED_AT_ONCE = 1000;
/** Who was not heard of for long is forgotten, and found again in the table. */
const MOST_KEPT = 20_000;

export interface RateLimiterOptions {
  db: Database;
  /** What is limited, so that the same name of two kinds does not share a limit. */
  kind: string;
  /** Requests in a window that one name may make. */
  limit: number;
  windowMs: number;
  logger: Logger;
  /** A clock in milliseconds that never goes back. */
  now?: () => number;
  /** Names in memory. Default: 20000. */
  mostKept?: number;
}

interface Account {
  readonly key: string;
  /** In how many milliseconds, from `at` on, all that was taken is there again. */
  debtMs: number;
  at: number;
  /** Taken, and not yet in the table. */
  pendingMs: number;
}

/**
 * A limit that several processes share, at no wait for who asks. Each request takes `windowMs / limit` out of a store of
 * `windowMs`, which fills up again as time passes: the whole limit may come at once, and after that as much as the rate
 * allows. It is decided in memory. What was taken is added to the table in the background, with one statement for all
 * names, and the sums come back with it. So at most what the other processes let through in the last 100 ms is not known
 * here; and since debts add up, it is paid back afterwards: over time the limit holds exactly.
 */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #costMs: number;
  readonly #mostKept: number;
  readonly #now: () => number;
  #recent = new Map<string, Account>();
  #older: ReadonlyMap<string, Account> = new Map();
  readonly #pending = new Set<Account>();
  #timer: NodeJS.Timeout | undefined;
  #settling: Promise<void> | undefined;
  #settledAt = Number.NEGATIVE_INFINITY;
  #removedAt = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#costMs = options.windowMs / options.limit;
    this.#mostKept = options.mostKept ?? MOST_KEPT;
    this.#now = options.now ?? (() => performance.now());
  }

  /** How many names are in memory. */
  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Counts one request. @throws Problem rate-limited, which counts for nothing */
  take(name: string): void {
    const account = this.#accountOf(name);
    this.#pass(account);
    const tooMuchMs = account.debtMs + this.#costMs - this.#options.windowMs;
    // Sums of fractions: the last request of a full window is not one too many.
    if (tooMuchMs > this.#costMs / 1000) throw refused(tooMuchMs);
    account.debtMs += this.#costMs;
    account.pendingMs += this.#costMs;
    // They pile up only while Postgres is away.
    if (this.#pending.size < this.#mostKept) this.#pending.add(account);
    this.#schedule(SETTLE_MS);
  }

  /** Writes down what was taken. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#settling;
    if (this.#pending.size > 0) await this.#settle();
  }

  #accountOf(name: string): Account {
    const recent = this.#recent.get(name);
    if (recent !== undefined) return recent;
    const account = this.#older.get(name) ?? newAccount(keyOf(this.#options.kind, name), this.#now());
    if (this.#recent.size >= this.#mostKept / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, account);
    return account;
  }

  #pass(account: Account): void {
    const now = this.#now();
    account.debtMs = Math.max(0, account.debtMs - (now - account.at));
    account.at = now;
  }

  /** At once after a rest; then with rests in between. */
  #schedule(restMs: number): void {
    if (this.#isStopped || this.#timer !== undefined || this.#settling !== undefined) return;
    const waitMs = Math.max(0, this.#settledAt + restMs - this.#now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#settling = this.#settle().then((isDone) => {
        this.#settling = undefined;
        if (this.#pending.size > 0) this.#schedule(isDone ? SETTLE_MS : AWAY_MS);
      });
    }, waitMs).unref();
  }

  /** @returns false when Postgres could not be asked; then what was taken stays pending */
  async #settle(): Promise<boolean> {
    this.#settledAt = this.#now();
    const batch = [...this.#pending].slice(0, SETTLED_AT_ONCE);
    const taken = new Map(batch.map((account) => [account.key, account.pendingMs]));
    for (const account of batch) {
      this.#pending.delete(account);
      account.pendingMs = 0;
    }
    try {
      const debts = await settleTakings(this.#options.db, taken);
      for (const account of batch) this.#correct(account, debts.get(account.key) ?? 0);
    } catch (error) {
      for (const account of batch) {
        account.pendingMs += taken.get(account.key) ?? 0;
        this.#pending.add(account);
      }
      this.#logFault(error);
      return false;
    }
    await this.#removeFree();
    return true;
  }

  /** What all processes took, and what was taken here since that was asked. */
  #correct(account: Account, debtMs: number): void {
    account.debtMs = debtMs + account.pendingMs;
    account.at = this.#now();
  }

  async #removeFree(): Promise<void> {
    if (this.#now() - this.#removedAt < REMOVE_MS) return;
    this.#removedAt = this.#now();
    await removeFree(this.#options.db).catch((error: unknown) => this.#logFault(error));
  }

  #logFault(error: unknown): void {
    if (!isTransient(error)) this.#options.logger.error({ err: error }, 'limits.settle-failed');
  }
}

function newAccount(key: string, at: number): Account {
  return { key, debtMs: 0, at, pendingMs: 0 };
}

/** A hash: names may be addresses. */
function keyOf(kind: string, name: string): string {
  return createHash('sha256').update(`${kind}\n${name}`).digest('base64url').slice(0, 22);
}

function refused(waitMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem('rate-limited', `Too many requests; the next one is taken in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
