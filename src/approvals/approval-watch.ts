import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import type { Scope } from '../db/scope.ts';
import { ApprovalNews, type ChangedApproval } from './approval-news.ts';
import { ApprovalReader } from './approval-reader.ts';
import { type ApprovalRow, toApproval } from './view.ts';
import { mayDecide } from './visible-to.ts';

export interface ApprovalWatchOptions {
  db: Database;
  logger: Logger;
  /** Milliseconds between looks that nobody asked for: the net under lost hints. */
  pollMs?: number;
}

/** The time in which there are readers: what is known of the table is of no use once it is over. */
interface Session {
  readonly news: ApprovalNews;
  readonly begun: Promise<void>;
  readonly over: AbortController;
  hasHint: boolean;
  wake(): void;
}

/**
 * Brings the readers of the inbox in this process each change, whichever process made it. With no reader it does
 * nothing; with many it reads once for all of them. Hints wake it, a poll backs them up, and only the table tells.
 */
export class ApprovalWatch {
  readonly #options: ApprovalWatchOptions;
  readonly #readers = new Set<ApprovalReader>();
  #session: Session | undefined;
  #running: Promise<void> = Promise.resolve();
  #onFirstReader = () => {};

  constructor(options: ApprovalWatchOptions) {
    this.#options = options;
  }

  /** How many follow the inbox. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Calls `listener` whenever somebody begins to read while nobody did. */
  onFirstReader(listener: () => void): void {
    this.#onFirstReader = listener;
  }

  /** Something may be new. */
  look(): void {
    if (this.#session === undefined) return;
    this.#session.hasHint = true;
    this.#session.wake();
  }

  /**
   * Lets somebody follow what they may decide, until `signal` aborts. Whatever the tables do not have yet when this
   * resolves comes to the reader.
   * @throws what the database does when it cannot be read
   */
  async follow(scope: Scope, signal: AbortSignal): Promise<ApprovalReader> {
    const reader = new ApprovalReader(scope, signal);
    this.#readers.add(reader);
    const leave = () => this.#leave(reader);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    else if (this.#session === undefined) this.#begin();
    try {
      await this.#session?.begun;
      return reader;
    } catch (error) {
      signal.removeEventListener('abort', leave);
      leave();
      throw error;
    }
  }

  /** Ends the looking; readers are not told. */
  async stop(): Promise<void> {
    this.#end();
    await this.#running;
  }

  #begin(): void {
    const news = new ApprovalNews(this.#options.db.orm);
    const session = {
      news,
      begun: news.begin(),
      over: new AbortController(),
      hasHint: false,
      wake: () => {},
    };
    this.#session = session;
    const before = this.#running;
    this.#running = Promise.all([before, this.#run(session)]).then(() => undefined);
    this.#onFirstReader();
  }

  #end(): void {
    this.#session?.over.abort();
    this.#session?.wake();
    this.#session = undefined;
  }

  #leave(reader: ApprovalReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#end();
  }

  async #run(session: Session): Promise<void> {
    const { signal } = session.over;
    try {
      await session.begun;
    } catch {
      // Whoever began to follow is told, and each of them leaves.
      return;
    }
    while (!signal.aborted) {
      await this.#nextLook(session);
      if (!signal.aborted) await this.#read(session);
    }
  }

  /** Resolves at a hint, after the time of the poll, and at the end. */
  async #nextLook(session: Session): Promise<void> {
    if (!session.hasHint) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#options.pollMs ?? 1000);
        session.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    session.hasHint = false;
  }

  async #read({ news, over }: Session): Promise<void> {
    try {
      for (let isMore = true; isMore && !over.signal.aborted; ) {
        const found = await news.next();
        // Readers who came with a later session know of these.
        if (over.signal.aborted) return;
        this.#deliver(found.changes);
        isMore = found.isMore;
      }
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error }, 'approvals.watch-failed');
    }
  }

  /** Each is written out once for all who may have it; who that is needs no query. */
  #deliver(changes: readonly ChangedApproval[]): void {
    const written = new Map<ChangedApproval, string>();
    const write = (change: ChangedApproval) => {
      const json = written.get(change) ?? JSON.stringify(toApproval(change));
      written.set(change, json);
      return json;
    };
    for (const reader of this.#readers) {
      const theirs = changes.filter(({ row }) => isFor(reader.scope, row));
      if (theirs.length > 0) reader.push(theirs.map(write));
    }
  }
}

function isFor(scope: Scope, row: ApprovalRow): boolean {
  return row.tenantId === scope.tenantId && mayDecide(scope, row);
}
