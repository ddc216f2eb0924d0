import { type Database, transaction } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import type { Dispatch } from '../executions/dispatch.ts';
import type { ExecutionMetrics } from '../executions/execution-metrics.ts';
import { findOwnerless, findUnwaiting } from '../executions/find-ownerless.ts';
import { type DiscardSegments, handOver, type Segment, type Stuck } from '../executions/hand-over.ts';
import { findUnpromoted, promoteWaiting } from '../executions/promote-waiting.ts';
import { pause } from '../pause.ts';
import type { ThreadNews } from '../threads/thread-news.ts';
import { type BuryOptions, buryDead } from './bury-dead.ts';

/** Executions looked at in one pass of a healer; the next pass takes the rest. */
const BATCH = 500;
/** Executions handed over in one transaction: those that are handed over go on while the next ones are. */
const HAND_OVER_BATCH = 20;
/** Between two passes it is looked whether a neighbour has gone: that asks the system only. */
const NEIGHBOURS_MS = 100;
/** Rare faults are looked for in one of so many passes: an idle process should cost next to nothing. */
const FAULTS_EVERY = 2;
/** What should not be, or does no harm but take room. */
const RARE_EVERY = 10;

/** What the engine that runs segments knows of those that went wrong. */
export interface SegmentHealth {
  findStuck: (db: Database, limit: number) => Promise<Stuck[]>;
  findOrphaned: (db: Database, limit: number) => Promise<Segment[]>;
  discard: DiscardSegments;
}

export interface SweeperOptions extends BuryOptions {
  intervalMs: number;
  dispatch: Dispatch;
  segments: SegmentHealth;
  metrics?: ExecutionMetrics;
  threadNews?: Pick<ThreadNews, 'changed'>;
}

/**
 * Looks for what is left behind by the dead and hands it over (E3): every worker sweeps, and the database lets one
 * of them win.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #stopped = new AbortController();
  #passes = 0;
  #neighbours: number[] = [];
  #loop: Promise<void> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps at once, so that what a restart left behind goes on, and from then on at the interval. */
  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** One pass over what may be stuck; the first one over everything. */
  async sweep(): Promise<void> {
    const pass = this.#passes++;
    try {
      this.#neighbours = await buryDead(this.#options);
      await this.#handOverAll(await findOwnerless(this.#options.db, BATCH));
      if (pass % FAULTS_EVERY === 0) await this.#healFaults();
      if (pass % RARE_EVERY !== 0) return;
      await this.#handOverAll(await findUnwaiting(this.#options.db, BATCH));
      await this.#discardOrphans();
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error }, 'sweeper.failed');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.sweep();
      await this.#untilDue(signal);
    }
  }

  /** Resolves after the interval, or as soon as a neighbour has gone. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const dueAt = performance.now() + this.#options.intervalMs;
    while (!signal.aborted && this.#neighbours.every(isThere)) {
      const left = dueAt - performance.now();
      if (left <= 0) return;
      await pause(Math.min(left, NEIGHBOURS_MS), signal);
    }
  }

  async #healFaults(): Promise<void> {
    const { db, dispatch, segments, threadNews } = this.#options;
    await this.#handOverAll(await segments.findStuck(db, BATCH));
    for (const threadNo of await findUnpromoted(db, BATCH)) {
      await this.#heal({ threadNo }, () => promoteWaiting(db, dispatch, threadNo));
      threadNews?.changed(threadNo);
    }
  }

  async #handOverAll(stuck: Stuck[]): Promise<void> {
    for (let i = 0; i < stuck.length; i += HAND_OVER_BATCH) {
      const batch = stuck.slice(i, i + HAND_OVER_BATCH);
      try {
        await this.#handOver(batch);
      } catch (error) {
        if (isTransient(error)) throw error;
        for (const one of batch)
          await this.#heal({ executionId: one.executionId }, () => this.#handOver([one]));
      }
    }
  }

  async #handOver(stuck: readonly Stuck[]): Promise<void> {
    const { db, dispatch, segments, logger, metrics, threadNews } = this.#options;
    const handed = await transaction(db, (tx) => handOver(tx, dispatch, segments.discard, stuck, 'crashed'));
    for (const { from, threadNo, launch, endReason } of handed) {
      launch();
      threadNews?.changed(threadNo);
      if (endReason !== undefined) metrics?.attemptEnded(endReason);
      const { executionId, status: was, attempt } = from;
      logger.info({ executionId, was, attempt, endReason }, 'execution.handed-over');
    }
  }

  async #discardOrphans(): Promise<void> {
    const { db, segments, logger } = this.#options;
    const orphans = await segments.findOrphaned(db, BATCH);
    if (orphans.length === 0) return;
    await transaction(db, (tx) => segments.discard(tx, orphans));
    logger.info({ count: orphans.length }, 'sweeper.orphans-discarded');
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

/** Whether there is such a process; a new one under an old number is found out by the next pass. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
