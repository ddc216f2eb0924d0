import type { Logger } from 'pino';
import type { DeliveryRef } from '../../workflows/deliver-notification.ts';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { claimDue, isAnyDue } from './claim-due.ts';
import { countPending } from './count-pending.ts';

/** Deliveries that a worker has under way at once: a slow receiver must not take all of its connections. */
const CONCURRENCY = 16;
/** Milliseconds between two looks: one query over an index that holds only what is pending. */
const INTERVAL_MS = 1000;
/** A try is over long before: then whoever took it is taken for dead. */
const LEASE_MS = 30_000;
/** All that is pending is counted in one of so many looks. */
const COUNT_EVERY = 15;

export interface NotificationSenderOptions {
  db: Database;
  workerId: string;
  /** Makes one try in a workflow of its own; resolves when that has ended, in whatever way. */
  deliver: (ref: DeliveryRef) => Promise<void>;
  /** False from the moment on at which this process should begin nothing new. */
  mayTake: () => boolean;
  logger: Logger;
  intervalMs?: number;
  leaseMs?: number;
}

/**
 * Finds notifications that are due and starts a delivery for each. Every worker has one; when the next try is due is
 * a column, so that nothing waits in memory and none is lost with a process.
 */
export class NotificationSender {
  readonly #options: NotificationSenderOptions;
  readonly #stopped = new AbortController();
  readonly #deliveries = new Set<Promise<void>>();
  #looks = 0;
  #pending = 0;
  #loop: Promise<void> | undefined;

  constructor(options: NotificationSenderOptions) {
    this.#options = options;
  }

  /** Notifications of all workers that are pending, as of the last count. */
  get pending(): number {
    return this.#pending;
  }

  /** Looks at once, and from then on at the interval. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Takes nothing more, and waits for what is under way, at most for `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    const patience = new AbortController();
    await Promise.race([Promise.all(this.#deliveries), pause(graceMs, patience.signal)]);
    patience.abort();
  }

  /** One look; starts what is due, as far as there is room. @returns how many it started */
  async look(): Promise<number> {
    const { db, workerId, mayTake, logger, leaseMs = LEASE_MS } = this.#options;
    const limit = CONCURRENCY - this.#deliveries.size;
    try {
      if (limit === 0 || !mayTake() || !(await this.#isWorthIt())) return 0;
      const claimed = await claimDue(db, workerId, { limit, leaseMs });
      for (const ref of claimed) this.#begin(ref);
      return claimed.length;
    } catch (error) {
      if (!isTransient(error)) logger.error({ err: error }, 'notifications.failed');
      return 0;
    }
  }

  async #isWorthIt(): Promise<boolean> {
    const { db } = this.#options;
    if (this.#looks++ % COUNT_EVERY !== 0) return isAnyDue(db);
    this.#pending = await countPending(db);
    return this.#pending > 0;
  }

  #begin(ref: DeliveryRef): void {
    const delivery = this.#options.deliver(ref).finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const started = await this.look();
      const interval = pause(this.#options.intervalMs ?? INTERVAL_MS, signal);
      // Where all room was taken there may be more.
      const mayBeMore = started > 0 && this.#deliveries.size === CONCURRENCY;
      await Promise.race(mayBeMore ? [interval, ...this.#deliveries] : [interval]);
    }
  }
}
