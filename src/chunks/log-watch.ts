import type pg from 'pg';
import type { Logger } from 'pino';
import { asConnectionLost, type Database, takeConnection } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { INBOX, type LogHint } from './log-hints.ts';
import { type ListenerMetrics, LogListener } from './log-listener.ts';
import type { RecentRows } from './recent-rows.ts';
import type { ChunkRun } from './row.ts';

/** Rows of one execution that are read at once; who is further behind reads the table. */
const MAX_ROWS = 64;
/** How long the connection is kept after the last reader has left: the next one is often near. */
const LINGER_MS = 5000;

/** What else hints tell of, and who follows it. */
export interface WatchedInbox {
  readonly readers: number;
  onFirstReader(listener: () => void): void;
  /** Something of it may be new. */
  look(): void;
}

/** The threads that are followed here: their news comes by the same connection. */
export interface WatchedThreads {
  readonly readers: number;
  onFirstReader(listener: () => void): void;
  /** Another process has told that these have changed. */
  heard(threadNos: readonly number[]): void;
  /** What was said before was perhaps not heard. */
  missed(): void;
  /** Time for a look: the net under lost hints. */
  look(): void;
  /** Resolves when no look is under way. */
  settled(): Promise<void>;
}

export interface LogWatchOptions {
  db: Database;
  databaseUrl: string;
  recentRows: RecentRows;
  inbox?: WatchedInbox;
  threads?: WatchedThreads;
  logger: Logger;
  /** Hears of executions of which another process changed something that is no row, whether they are read here or not. */
  onChanged?: (executionNo: number) => void;
  /** Milliseconds between looks at the table for everything that is followed: the net under lost hints. */
  pollMs?: number;
  metrics?: ListenerMetrics & { newsRead(): void };
}

/** How old rows are when they are read is looked at in one of so many reads. */
const AGE_EVERY = 20;

/* One query for all that this process follows, however many readers there are: 0.13 ms for 1, 0.43 for 100. */
const newsQuery = (isNews: string, more = '') => `
SELECT f.no, c.seq, c.n, c.chunks${more}
FROM unnest($1::bigint[], $2::int[]) AS f(no, tail)
CROSS JOIN LATERAL (
  SELECT seq, n, chunks, created_at FROM outlast.stream_chunks
  WHERE execution_no = f.no AND ${isNews} ORDER BY seq LIMIT ${MAX_ROWS}
) AS c
ORDER BY f.no, c.seq`;

/** What a writer adds begins after the tail. */
const NEWS = { name: 'log-news', text: newsQuery('seq > f.tail') };
/** By the database's clock, which set `created_at`. */
const AGED_NEWS = {
  name: 'log-aged-news',
  text: newsQuery(
    'seq > f.tail',
    ', extract(epoch FROM clock_timestamp() - c.created_at)::float8 * 1000 AS age_ms',
  ),
};
/** What was missed for a while may have been packed since, so that the tail lies in the middle of a row. */
const MISSED = {
  name: 'log-missed',
  text: newsQuery(`seq + n - 1 > f.tail AND seq >= coalesce(
    (SELECT max(seq) FROM outlast.stream_chunks WHERE execution_no = f.no AND seq <= f.tail + 1), 1)`),
};

interface NewsRow extends ChunkRun {
  readonly no: string;
  readonly age_ms?: number;
}

/**
 * Brings this process the rows that other processes write to the logs that are read here. Hints wake it, a slow
 * poll backs them up, and after a break of the connection everything that is followed is read again.
 */
export class LogWatch {
  readonly #options: LogWatchOptions;
  readonly #listener: LogListener;
  readonly #stopped = new AbortController();
  readonly #stale = new Set<number>();
  /** Whether what is stale was perhaps missed, and not just hinted at. */
  #isMissed = false;
  #reads = 0;
  #reading = false;
  #connection: pg.PoolClient | undefined;
  #polling: Promise<void> | undefined;
  #wake = () => {};

  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#listener = new LogListener({
      databaseUrl: options.databaseUrl,
      logger: options.logger,
      onHints: (hints) => this.#heard(hints),
      onThreads: (threadNos) => options.threads?.heard(threadNos),
      onListening: () => {
        this.#readAll();
        options.inbox?.look();
        options.threads?.missed();
      },
      metrics: options.metrics,
    });
  }

  /** Begins to watch: listens while there are readers. */
  start(): void {
    this.#options.recentRows.onFirstReader(() => this.#wake());
    this.#options.inbox?.onFirstReader(() => this.#wake());
    this.#options.threads?.onFirstReader(() => this.#wake());
    this.#polling ??= this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    await this.#polling;
    await this.#listener.stop();
    await this.#options.threads?.settled();
    if (!this.#reading) this.#releaseConnection();
  }

  /** True when hints can reach every reader that there is. */
  get isHearing(): boolean {
    return !this.#hasReaders || this.#listener.isListening;
  }

  get #hasReaders(): boolean {
    const { recentRows, inbox, threads } = this.#options;
    return [recentRows, inbox, threads].some((followed) => (followed?.readers ?? 0) > 0);
  }

  #heard(hints: readonly LogHint[]): void {
    for (const { executionNo, lastSeq } of hints) {
      if (executionNo === INBOX) this.#options.inbox?.look();
      // Not if nobody follows it, its readers still read the table, or this process wrote it itself.
      if (this.#options.recentRows.heard(executionNo, lastSeq)) this.#stale.add(executionNo);
      if (lastSeq === 0) this.#options.onChanged?.(executionNo);
    }
    void this.#read();
  }

  /** @param quietMs leaves out those that news came of since then: the next hint tells what a lost one did not */
  #readAll(quietMs = 0): void {
    for (const executionNo of this.#options.recentRows.followed(quietMs)) this.#stale.add(executionNo);
    this.#isMissed = true;
    void this.#read();
  }

  async #poll(): Promise<void> {
    const { threads, pollMs = 1000 } = this.#options;
    let quietSince = performance.now();
    while (!this.#stopped.signal.aborted) {
      await this.#nextLook(pollMs);
      if (this.#hasReaders) {
        quietSince = performance.now();
        this.#listener.start();
        this.#readAll(pollMs);
        threads?.look();
      } else if (performance.now() - quietSince > LINGER_MS) {
        if (!this.#reading) this.#releaseConnection();
        await this.#listener.stop();
      }
    }
  }

  /** Resolves after `ms`, or as soon as somebody begins to read. */
  async #nextLook(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * Reads what is stale; what becomes so meanwhile is read next. On a connection of its own, which takes a query at
   * once: the next one is on its way before the readers, who wake after this, write what the last one brought.
   */
  async #read(): Promise<void> {
    // Mostly there is nothing: this process hears its own hints, too.
    if (this.#reading || this.#stale.size === 0) return;
    this.#reading = true;
    try {
      this.#connection ??= await takeConnection(this.#options.db);
      while (this.#stale.size > 0 && !this.#stopped.signal.aborted) {
        const query = this.#nextQuery();
        const known = this.#takeStale();
        if (known.length === 0) continue;
        const values = [known.map(({ no }) => no), known.map(({ tail }) => tail)];
        const { rows } = await this.#connection.query<NewsRow>({ ...query, values });
        this.#publish(rows);
      }
    } catch (error) {
      this.#releaseConnection(error as Error);
      if (!isTransient(asConnectionLost(error)))
        this.#options.logger.error({ err: error }, 'log.watch-failed');
    } finally {
      this.#reading = false;
      // One that came only after the stop would hold up the end of the pool for ever.
      if (this.#stopped.signal.aborted) this.#releaseConnection();
    }
  }

  #nextQuery(): { name: string; text: string } {
    if (this.#isMissed) return MISSED;
    return this.#reads++ % AGE_EVERY === 0 ? AGED_NEWS : NEWS;
  }

  #takeStale(): { no: number; tail: number }[] {
    const asked = [...this.#stale];
    this.#stale.clear();
    this.#isMissed = false;
    return asked.flatMap((no) => {
      const tail = this.#options.recentRows.tailOf(no);
      return tail === undefined ? [] : [{ no, tail }];
    });
  }

  #publish(rows: readonly NewsRow[]): void {
    this.#options.metrics?.newsRead();
    for (const [no, news] of groupByExecution(rows)) {
      this.#options.recentRows.publish(no, news, news.at(-1)?.age_ms ?? null);
      if (news.length === MAX_ROWS) this.#stale.add(no);
    }
  }

  #releaseConnection(error?: Error): void {
    this.#connection?.release(error);
    this.#connection = undefined;
  }
}

function groupByExecution(rows: readonly NewsRow[]): Map<number, NewsRow[]> {
  const groups = new Map<number, NewsRow[]>();
  for (const row of rows) {
    const no = Number(row.no);
    const group = groups.get(no);
    if (group === undefined) groups.set(no, [row]);
    else group.push(row);
  }
  return groups;
}
