import type { Logger } from 'pino';
import { type Database, runQuery } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import type { LogHint } from './log-hints.ts';
import { type ListenerMetrics, LogListener } from './log-listener.ts';
import type { RecentRows } from './recent-rows.ts';
import type { LogRow } from './row.ts';

/** Rows of one execution that are read at once; who is further behind reads the table. */
const MAX_ROWS = 64;
/** How long the connection is kept after the last reader has left: the next one is often near. */
const LINGER_MS = 5000;

export interface LogWatchOptions {
  db: Database;
  databaseUrl: string;
  recentRows: RecentRows;
  logger: Logger;
  /** Milliseconds between looks at the table for everything that is followed: the net under lost hints. */
  pollMs?: number;
  metrics?: ListenerMetrics & { newsRead(): void };
}

/*
 * One query for all that this process follows, however many readers there are: 0.13 ms for 1, 0.43 for 100.
 * How old a row is, is told by the database's clock, which set `created_at`.
 */
const newsQuery = (isNews: string) => `
SELECT f.no, c.seq, c.n, c.attempt, c.turn, c.chunks,
       extract(epoch FROM clock_timestamp() - c.created_at)::float8 * 1000 AS age_ms
FROM unnest($1::bigint[], $2::int[]) AS f(no, tail)
CROSS JOIN LATERAL (
  SELECT seq, n, attempt, turn, chunks, created_at FROM outlast.stream_chunks
  WHERE execution_no = f.no AND ${isNews} ORDER BY seq LIMIT ${MAX_ROWS}
) AS c
ORDER BY f.no, c.seq`;

/** What a writer adds begins after the tail. */
const NEWS = newsQuery('seq > f.tail');
/** What was missed for a while may have been packed since, so that the tail lies in the middle of a row. */
const MISSED = newsQuery(`seq + n - 1 > f.tail AND seq >= coalesce(
    (SELECT max(seq) FROM outlast.stream_chunks WHERE execution_no = f.no AND seq <= f.tail + 1), 1)`);

interface NewsRow extends LogRow {
  readonly no: string;
  readonly age_ms: number;
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
  #reading = false;
  #polling: Promise<void> | undefined;
  #wake = () => {};

  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#listener = new LogListener({
      databaseUrl: options.databaseUrl,
      logger: options.logger,
      onHints: (hints) => this.#heard(hints),
      onListening: () => this.#readAll(),
      metrics: options.metrics,
    });
  }

  /** Begins to watch: listens while there are readers. */
  start(): void {
    this.#options.recentRows.onFirstReader(() => this.#wake());
    this.#polling ??= this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    await this.#polling;
    await this.#listener.stop();
  }

  /** True when hints can reach every reader that there is. */
  get isHearing(): boolean {
    return this.#options.recentRows.readers === 0 || this.#listener.isListening;
  }

  #heard(hints: readonly LogHint[]): void {
    for (const { executionNo, lastSeq } of hints) {
      // Not if nobody follows it, its readers still read the table, or this process wrote it itself.
      if (this.#options.recentRows.heard(executionNo, lastSeq)) this.#stale.add(executionNo);
    }
    void this.#read();
  }

  #readAll(): void {
    for (const executionNo of this.#options.recentRows.followed()) this.#stale.add(executionNo);
    this.#isMissed = true;
    void this.#read();
  }

  async #poll(): Promise<void> {
    const { recentRows, pollMs = 1000 } = this.#options;
    let quietSince = performance.now();
    while (!this.#stopped.signal.aborted) {
      await this.#nextLook(pollMs);
      if (recentRows.readers > 0) {
        quietSince = performance.now();
        this.#listener.start();
        this.#readAll();
      } else if (performance.now() - quietSince > LINGER_MS) await this.#listener.stop();
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

  /** Reads what is stale; what becomes so meanwhile is read next. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#stale.size > 0 && !this.#stopped.signal.aborted) {
        const asked = [...this.#stale];
        this.#stale.clear();
        const isMissed = this.#isMissed;
        this.#isMissed = false;
        await this.#readNews(asked, isMissed);
      }
    } catch (error) {
      if (!isTransient(error)) this.#options.logger.error({ err: error }, 'log.watch-failed');
    } finally {
      this.#reading = false;
    }
  }

  async #readNews(asked: readonly number[], isMissed: boolean): Promise<void> {
    const { db, recentRows } = this.#options;
    const known = asked.flatMap((no) => {
      const tail = recentRows.tailOf(no);
      return tail === undefined ? [] : [{ no, tail }];
    });
    if (known.length === 0) return;
    const rows = await runQuery<NewsRow>(db, {
      ...(isMissed ? { name: 'log-missed', text: MISSED } : { name: 'log-news', text: NEWS }),
      values: [known.map(({ no }) => no), known.map(({ tail }) => tail)],
    });
    this.#options.metrics?.newsRead();
    for (const [no, news] of groupByExecution(rows)) {
      recentRows.publish(no, news, isMissed ? null : news.at(-1)?.age_ms);
      if (news.length === MAX_ROWS) this.#stale.add(no);
    }
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
