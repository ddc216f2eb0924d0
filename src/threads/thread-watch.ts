import type { Logger } from 'pino';
import { type Database, runQuery } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import type { ThreadNews } from './thread-news.ts';

/*
 * What can change of a thread, in one line of text, for all that this process follows at once. Executions that are
 * final do not change any more: that one is no longer among the others, or that there is a newer one, tells enough.
 * Null: the thread was deleted.
 */
const STATES = {
  name: 'thread-states',
  text: `
SELECT f.no, CASE WHEN t.no IS NOT NULL THEN t.last_ordinal || ' ' || coalesce(e.states, '') END AS state
FROM unnest($1::bigint[], $2::int[]) AS f(no, settled)
LEFT JOIN outlast.threads t ON t.no = f.no
LEFT JOIN LATERAL (
  SELECT string_agg(concat_ws(':', ordinal, status, segment, attempt, suspended_reason, (
    SELECT string_agg(concat_ws('/', a.id, a.status, a.assignee), ' ' ORDER BY a.id) FROM outlast.approvals a
    WHERE a.execution_id = unfinished.id)), ' ' ORDER BY ordinal) AS states
  FROM outlast.workflow_executions unfinished
  WHERE thread_no = f.no AND ordinal > f.settled AND finished_at IS NULL
) AS e ON true`,
};

/**
 * The net under lost hints: looks at every thread that is followed in this process, with one query, and tells its
 * readers when it is not as it was at the last look.
 */
export class ThreadWatch {
  readonly #db: Database;
  readonly #news: ThreadNews;
  readonly #logger: Logger;
  #states = new Map<number, string | null>();
  #looking: Promise<void> | undefined;

  constructor(db: Database, news: ThreadNews, logger: Logger) {
    this.#db = db;
    this.#news = news;
    this.#logger = logger;
  }

  get readers(): number {
    return this.#news.readers;
  }

  onFirstReader(listener: () => void): void {
    this.#news.onFirstReader(listener);
  }

  /** Another process has told that these have changed. */
  heard(threadNos: readonly number[]): void {
    for (const threadNo of threadNos) this.#news.heard(threadNo);
  }

  /** What was said before was perhaps not heard: everybody looks. */
  missed(): void {
    for (const { threadNo } of this.#news.followed()) this.#news.heard(threadNo);
  }

  /** One look at all that is followed; while one is under way there is no second. */
  look(): void {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Resolves when no look is under way. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  async #look(): Promise<void> {
    const followed = this.#news.followed();
    if (followed.length === 0) return;
    try {
      const rows = await runQuery<{ no: string; state: string | null }>(this.#db, {
        ...STATES,
        values: [followed.map(({ threadNo }) => threadNo), followed.map(({ settled }) => settled)],
      });
      const before = this.#states;
      this.#states = new Map(rows.map(({ no, state }) => [Number(no), state]));
      // One that is new here has been looked at by its reader, after it had begun to follow: once more does no harm.
      for (const [no, state] of this.#states) if (before.get(no) !== state) this.#news.heard(no);
    } catch (error) {
      if (!isTransient(error)) this.#logger.error({ err: error }, 'threads.watch-failed');
    }
  }
}
