import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient, isUniqueViolation } from '../db/errors.ts';
import { untilReachable } from '../db/retry.ts';
import { ExecutionLog, type LogWriterPort } from './execution-log.ts';
import { insertFenced, type LogOwner, type OwnedRow, ownerKey, stillOwned } from './insert-rows.ts';
import type { LogHints } from './log-hints.ts';
import type { RecentRows } from './recent-rows.ts';
import { endOf, type LogRow } from './row.ts';

/** Rows of one INSERT: more would raise the tail (p99 1.1 ms at 64, 3.1 at 256, 14 at 1,024). */
const MAX_BATCH_ROWS = 256;
/** Bytes that wait for the disk in this process before producers are made to wait, over all executions. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Where it is counted what the logs of this process do. */
export interface LogMetrics {
  /** Rows of one execution are committed, by whichever path. */
  appended(rows: readonly LogRow[]): void;
  /** An INSERT of the group commit with so many rows was answered `ms` after it was sent. */
  flushed(rows: number, ms: number): void;
  /** The fence refused an append: the execution has a newer owner. */
  refused(): void;
}

export interface LogWriterOptions {
  db: Database;
  recentRows: RecentRows;
  /** Where other processes are told that a log has grown. */
  hints?: LogHints;
  logger: Logger;
  /** Milliseconds that the starts of two flushes are about apart under load; no wait after a pause. */
  flushIntervalMs: number;
  metrics?: LogMetrics;
}

/**
 * Group commit for all executions of this process. While one INSERT is in flight, chunks collect; then one
 * INSERT takes them all. No timer: an idle log adds no latency, a busy one makes bigger batches.
 */
export class LogWriter implements LogWriterPort {
  readonly db: Database;
  readonly #options: LogWriterOptions;
  readonly #stopped = new AbortController();
  readonly #open = new Set<ExecutionLog>();
  readonly #dirty = new Set<ExecutionLog>();
  #running: Promise<void> | undefined;
  #waitingBytes = 0;
  #lastStart = Number.NEGATIVE_INFINITY;

  constructor(options: LogWriterOptions) {
    this.db = options.db;
    this.#options = options;
  }

  /**
   * Opens the log of an execution that this process has claimed, for whose transactions there is `db`. `signal` ends
   * it, and so does a newer owner.
   */
  open(options: {
    db: Database;
    owner: LogOwner;
    lastSeq: number;
    signal: AbortSignal;
    onLost: (error: Error) => void;
  }): ExecutionLog {
    const log = new ExecutionLog(this, options);
    this.#open.add(log);
    return log;
  }

  /** Gives up what is not committed yet, as a crash would; for the end of the process. */
  async stop(reason: Error): Promise<void> {
    this.#stopped.abort(reason);
    for (const log of this.#open) log.fail(reason);
    await this.#running;
  }

  /** True when producers have to wait for the disk, whichever execution they write for. */
  get isFull(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES;
  }

  /** Bytes of chunks that are not committed yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** @internal A log has chunks to write. */
  schedule(log: ExecutionLog): void {
    this.#dirty.add(log);
    this.#running ??= this.#run();
  }

  /** @internal A log is not used any more. */
  close(log: ExecutionLog): void {
    this.#open.delete(log);
  }

  /** @internal Bytes that wait have become more or fewer. */
  weigh(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  /** Rows are committed: readers may have them. Without rows: something else about the execution has changed. */
  publish(executionNo: number, rows: readonly LogRow[]): void {
    this.#options.recentRows.publish(executionNo, rows);
    this.#options.metrics?.appended(rows);
    const last = rows.at(-1);
    this.#options.hints?.add({ executionNo, lastSeq: last === undefined ? 0 : endOf(last) });
  }

  /** @internal The fence refused an append. */
  refused(): void {
    this.#options.metrics?.refused();
  }

  async #run(): Promise<void> {
    try {
      while (this.#dirty.size > 0 && !this.#stopped.signal.aborted) {
        await this.#pace();
        const batch = this.#collect();
        if (batch.length > 0) await this.#flush(batch);
      }
    } catch (error) {
      this.#options.logger.error({ err: error }, 'log.writer-failed');
      for (const log of this.#open) log.fail(error as Error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Lets what is appended in one turn of the event loop go together, and keeps flushes apart under load. */
  async #pace(): Promise<void> {
    const wait = this.#lastStart + this.#options.flushIntervalMs - performance.now();
    // In whole milliseconds, rounded down: that is what timers know, and they are late rather than early.
    await (wait >= 1 ? delay(Math.floor(wait)) : Promise.resolve());
    this.#lastStart = performance.now();
  }

  /** Takes what waits, in the order of first come; a log in a transaction of its own comes back after it. */
  #collect(): ExecutionLog[] {
    const batch: ExecutionLog[] = [];
    let rows = 0;
    for (const log of this.#dirty) {
      this.#dirty.delete(log);
      const taken = log.take();
      if (taken === 0) continue;
      batch.push(log);
      rows += taken;
      if (rows >= MAX_BATCH_ROWS) break;
    }
    return batch;
  }

  async #flush(batch: ExecutionLog[]): Promise<void> {
    try {
      const rows = rowsOf(batch);
      const sentAt = performance.now();
      const written = await insertFenced(this.db, rows);
      this.#options.metrics?.flushed(rows.length, performance.now() - sentAt);
      await this.#conclude(batch, written);
    } catch (error) {
      if (isTransient(error)) await this.#reconcile(batch);
      else if (batch.length > 1) for (const log of batch) await this.#flush([log]);
      else if (batch[0] !== undefined) await this.#resolveConflict(batch[0], error);
    }
  }

  /** Rows that did not go in belong to an execution that is locked for a moment, or that has a newer owner. */
  async #conclude(batch: ExecutionLog[], written: Set<string>): Promise<void> {
    const refused = batch.filter((log) => !written.has(ownerKey(log.owner)));
    for (const log of batch) if (written.has(ownerKey(log.owner))) log.written();
    if (refused.length === 0) return;
    const owners = refused.map((log) => log.owner);
    const owned = await this.#ask(() => stillOwned(this.db, owners));
    for (const log of refused) {
      if (owned?.has(ownerKey(log.owner)) === true) this.#dirty.add(log);
      else if (owned !== undefined) log.refused();
    }
  }

  /** After a lost connection the table tells what went in: all of an execution's rows, or none. */
  async #reconcile(batch: ExecutionLog[]): Promise<void> {
    for (const log of batch) {
      const isIn = await this.#ask(() => log.isFlightIn());
      if (isIn === true) log.written();
      else if (isIn === false) this.#dirty.add(log);
    }
  }

  /** A row that fails alone: its seq is taken, by itself (a commit that was not heard of) or by another append. */
  async #resolveConflict(log: ExecutionLog, error: unknown): Promise<void> {
    if (!isUniqueViolation(error)) {
      this.#options.logger.error({ err: error, executionId: log.owner.executionId }, 'log.append-failed');
      log.fail(error as Error);
      return;
    }
    const isIn = await this.#ask(() => log.isFlightIn());
    if (isIn === true) log.written();
    if (isIn !== false) return;
    await this.#ask(() => log.renumber());
    this.#dirty.add(log);
  }

  /** Asks until Postgres answers; undefined when this process stops first. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    try {
      return await untilReachable(this.#stopped.signal, question);
    } catch (error) {
      if (this.#stopped.signal.aborted) return undefined;
      throw error;
    }
  }
}

function rowsOf(batch: readonly ExecutionLog[]): OwnedRow[] {
  return batch.flatMap((log) => log.flight.map((row) => ({ owner: log.owner, row })));
}
