import { eq, type SQL, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { workers } from '../db/schema.ts';
import type { LeaseCheck } from '../tools/lease-check.ts';
import type { HeldAttempt } from './owned-executions.ts';
import type { ProcessPlace } from './process-place.ts';

/** The part of the lease after which nothing new is begun that the lease has to cover. */
const SURE_PART = 0.8;
/** A worker that runs something renews at least this often, for that is when it learns of what it has lost. */
const LOOK_MS = 500;

export interface WorkerOptions {
  db: Database;
  workerId: string;
  place: ProcessPlace;
  version: string;
  heartbeatMs: number;
  deadAfterMs: number;
  logger: Logger;
  /** What it runs: each renewal asks whether that is still its own. */
  executions?: {
    attempts(): readonly HeldAttempt[];
    loseSuperseded(superseded: readonly HeldAttempt[]): void;
  };
  /** Called once when the row is gone: somebody declared this process dead and took over what it ran. */
  onLost(): void;
}

/**
 * This process as a worker: a row that it renews. The lease is lost when the row is gone, not when time has passed:
 * while Postgres cannot be reached nobody can take anything over either.
 */
export class Worker implements LeaseCheck {
  readonly #options: WorkerOptions;
  readonly #stopped = new AbortController();
  /** When the last renewal that succeeded was sent, by the monotonic clock. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** Since when every renewal has succeeded in time: only such a worker may judge others. */
  #steadySince = Number.POSITIVE_INFINITY;
  #renewals: (() => void)[] = [];
  #isLookDue = false;
  #wake = () => {};
  #loop: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.workerId;
  }

  /** Registers the worker; from here on its lease has to be renewed. Before this it claims nothing. */
  async start(): Promise<void> {
    const { db, workerId, place, version } = this.#options;
    const sentAt = performance.now();
    await db.orm.insert(workers).values({ workerId, version, ...toColumns(place) });
    this.#renewed(sentAt);
    this.#loop = this.#beat();
  }

  /** Ends the renewals and gives the row back. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    await this.#loop;
    await this.#options.db.orm.delete(workers).where(eq(workers.workerId, this.id));
  }

  sureForMs(): number {
    return this.#renewedAt + SURE_PART * this.#options.deadAfterMs - performance.now();
  }

  async whenSurelyHeld(signal: AbortSignal): Promise<void> {
    while (this.sureForMs() <= 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#renewals.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** True when this worker has renewed its own lease without a break for as long as it asks of others. */
  get mayJudge(): boolean {
    return this.sureForMs() > 0 && performance.now() - this.#steadySince >= this.#options.deadAfterMs;
  }

  /** Renews now: something that it runs may have become somebody else's. */
  look(): void {
    this.#isLookDue = true;
    this.#wake();
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#untilDue(signal);
      if (signal.aborted) return;
      if (!(await this.#renew())) return this.#lost();
    }
  }

  /** Resolves when the next renewal is due: sooner while something runs here, at once for a look. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const { heartbeatMs, executions } = this.#options;
    const sentAt = performance.now();
    while (!signal.aborted && !this.#isLookDue) {
      const runsNothing = (executions?.attempts().length ?? 0) === 0;
      const dueAt = sentAt + (runsNothing ? heartbeatMs : Math.min(heartbeatMs, LOOK_MS));
      const left = dueAt - performance.now();
      if (left <= 0) break;
      await this.#sleep(Math.min(left, LOOK_MS));
    }
    this.#isLookDue = false;
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @returns false when the row is gone; true also when Postgres did not answer. */
  async #renew(): Promise<boolean> {
    const sentAt = performance.now();
    try {
      const held = this.#options.executions?.attempts() ?? [];
      const [renewed] = await this.#options.db.orm
        .update(workers)
        .set({ heartbeatAt: sql`clock_timestamp()` })
        .where(eq(workers.workerId, this.id))
        .returning({ superseded: supersededOf(held) });
      if (renewed === undefined) return false;
      this.#renewed(sentAt);
      this.#options.executions?.loseSuperseded(renewed.superseded);
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error }, 'worker.renewal-failed');
      this.#steadySince = Number.POSITIVE_INFINITY;
    }
    return true;
  }

  #renewed(sentAt: number): void {
    const isBreak = sentAt - this.#renewedAt > this.#options.deadAfterMs;
    this.#renewedAt = sentAt;
    if (isBreak || this.#steadySince === Number.POSITIVE_INFINITY) this.#steadySince = sentAt;
    const waiting = this.#renewals;
    this.#renewals = [];
    for (const resolve of waiting) resolve();
  }

  #lost(): void {
    this.#options.logger.error({ workerId: this.id }, 'worker.lease-lost');
    this.#options.onLost();
  }
}

/**
 * Which of these attempts are not the current ones any more, asked in the statement that renews the lease. One that
 * has just become final by its owner has its attempt still, and is none of them.
 */
function supersededOf(held: readonly HeldAttempt[]): SQL<HeldAttempt[]> {
  const nos = sql.param(held.map(({ executionNo }) => executionNo));
  const attempts = sql.param(held.map(({ attempt }) => attempt));
  return sql`(
    SELECT coalesce(json_agg(json_build_object('executionNo', h.no, 'attempt', h.attempt)), '[]'::json)
    FROM unnest(${nos}::bigint[], ${attempts}::int[]) AS h(no, attempt)
    WHERE NOT EXISTS (
      SELECT 1 FROM outlast.workflow_executions e WHERE e.no = h.no AND e.attempt = h.attempt))`;
}

function toColumns(place: ProcessPlace) {
  // The birth of a process names its boot already; the column keeps it in sight.
  return { ...place, bootId: place.processStart.split('/')[0] ?? '' };
}
