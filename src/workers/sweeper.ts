import { type Database, transaction } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { ExecutionMetrics } from '../executions/execution-metrics.ts';
import { findOwnerless, findUnwaiting } from '../executions/find-ownerless.ts';
import { type DiscardSegment, handOver, type Stuck } from '../executions/hand-over.ts';
import { findUnpromoted, promoteWaiting } from '../executions/promote-waiting.ts';
import { pause } from '../pause.ts';
import { type BuryOptions, buryDead } from './bury-dead.ts';

/** Executions looked at in one pass of a healer; the next pass takes the rest. */
const BATCH = 500;
/** What should not be, or does no harm but take room, is looked for in one of so many passes. */
const RARELY = 10;

/** What the engine that runs segments knows of those that went wrong. */
export interface SegmentHealth {
  findStuck: (db: Database, limit: number) => Promise<Stuck[]>;
  findOrphaned: (db: Database, limit: number) => Promise<{ executionId: string; segment: number }[]>;
  discard: DiscardSegment;
}

export interface SweeperOptions extends BuryOptions {
  intervalMs: number;
  dispatch: Dispatch;
  segments: SegmentHealth;
  metrics?: ExecutionMetrics;
}

/**
 * Looks for what is left behind by the dead and hands it over (E3): every worker sweeps, and the database lets one
 * of them win.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #stopped = new AbortController();
  #passes = 0;
  #loop: Promise<void> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps once, so that what a restart left behind goes on at once, and from then on at the interval. */
  async start(): Promise<void> {
    await this.sweep();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** One pass over everything that may be stuck. */
  async sweep(): Promise<void> {
    const { db, dispatch, segments, logger } = this.#options;
    try {
      await buryDead(this.#options);
      await this.#handOverAll(await findOwnerless(db, BATCH));
      await this.#handOverAll(await segments.findStuck(db, BATCH));
      for (const threadNo of await findUnpromoted(db, BATCH)) {
        await this.#heal({ threadNo }, () => promoteWaiting(db, dispatch, threadNo));
      }
      if (this.#passes++ % RARELY !== 0) return;
      await this.#handOverAll(await findUnwaiting(db, BATCH));
      await this.#discardOrphans();
    } catch (error) {
      if (!isTransient(error)) logger.error({ err: error }, 'sweeper.failed');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await pause(this.#options.intervalMs, signal);
      if (!signal.aborted) await this.sweep();
    }
  }

  async #handOverAll(stuck: Stuck[]): Promise<void> {
    for (const from of stuck) {
      await this.#heal({ executionId: from.executionId }, () => this.#handOver(from));
    }
  }

  async #handOver(from: Stuck): Promise<void> {
    const { db, dispatch, segments, logger, metrics } = this.#options;
    const handed = await transaction(db, (tx) => handOver(tx, dispatch, segments.discard, from, 'crashed'));
    if (handed === undefined) return;
    handed.launch();
    if (handed.endReason !== undefined) metrics?.attemptEnded(handed.endReason);
    const { executionId, status: was, attempt } = from;
    logger.info({ executionId, was, attempt, endReason: handed.endReason }, 'execution.handed-over');
  }

  async #discardOrphans(): Promise<void> {
    const { db, segments, logger } = this.#options;
    const orphans = await segments.findOrphaned(db, BATCH);
    for (const { executionId, segment } of orphans) {
      await this.#heal({ executionId }, () =>
        transaction(db, (tx) => segments.discard(tx, executionId, segment)),
      );
    }
    if (orphans.length > 0) logger.info({ count: orphans.length }, 'sweeper.orphans-discarded');
  }

  /** One that cannot be healed must not keep the others stuck. */
  async #heal(what: object, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isTransient(error)) throw error;
      this.#options.logger.error({ ...what, err: error }, 'sweeper.failed');
    }
  }
}
