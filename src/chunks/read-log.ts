import { type Database, runQuery } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { isFinal } from './chunk.ts';
import { LARGE_PAGE_BYTES, readPage } from './read-rows.ts';
import type { RecentRows } from './recent-rows.ts';
import { type ChunkRun, LogStretch } from './row.ts';

export interface ReadOptions {
  /** The seq of the last chunk that the reader has; 0 for none. */
  after: number;
  /** Ends the reading. */
  signal: AbortSignal;
  /** Milliseconds between looks at the table when no news came. */
  pollMs?: number;
  /** Asked whenever there is nothing after `cursor` for now: true ends the reading. */
  isEnough?: (cursor: number) => Promise<boolean>;
}

/** The rows that a reader is to get next were removed: it can only be cut. */
export class LogGone extends Error {
  override readonly name = 'LogGone';
}

/** The process looks at the table for all its readers every second; a reader by itself only now and then. */
const POLL_MS = 10_000;
const RECONNECT_MS = 200;
/** What a reader may hold that stands still; one that keeps up gets more at once. */
const PAGE_BYTES = 64 * 1024;
/** Who takes a page in less than this keeps up. */
const KEEPS_UP_MS = 50;

/**
 * Reads a log from `after` on, live: each later chunk once, in order, with the bytes that were committed
 * (L1, L2, L3), until its final row, an abort, or `isEnough`. Pulls at the pace of whoever iterates.
 *
 * Subscribe first, then read, then wait: nothing can fall in between. Only the chunk at cursor + 1 is ever
 * delivered; whatever else arrives is a reason to look at the table, never one to advance.
 * @throws LogGone when retention, or whoever deleted the thread, took away what comes next
 */
export async function* readLog(
  db: Database,
  recentRows: RecentRows,
  executionNo: number,
  { after, signal, pollMs = POLL_MS, isEnough }: ReadOptions,
): AsyncGenerator<LogStretch, void, void> {
  const follower = recentRows.follow(executionNo, signal);
  try {
    // Memory reaches to the newest row it was told of. Asking the table after each of its batches would be a query
    // for every reader and flush; news or the poll will say when there is more.
    let mayAskTable = true;
    let pageBytes = PAGE_BYTES;
    let isQuiet = false;
    for (let cursor = after; !signal.aborted; ) {
      const recent = follower.recent(cursor);
      const runs =
        recent.length > 0 || !mayAskTable
          ? recent
          : await readTable(db, executionNo, cursor, pageBytes, signal);
      if (runs === undefined) continue;
      if (runs.length === 0) {
        if (mayAskTable) {
          // What has changed may be that the whole execution is gone; and whoever hears nothing for long may wait for
          // rows that were removed.
          const mayBeGone = isQuiet || follower.hasChange;
          follower.caughtUp(cursor);
          if (mayBeGone && (await isGone(db, executionNo))) throw new LogGone('The log was removed');
          if ((await isEnough?.(cursor)) === true) return;
        }
        isQuiet = !(await follower.news(pollMs));
        mayAskTable = true;
        continue;
      }
      isQuiet = false;
      mayAskTable = recent.length === 0;
      const stretch = new LogStretch(runs, cursor, recent.length > 0 && follower.isShared);
      cursor = stretch.lastSeq;
      const givenAt = performance.now();
      yield stretch;
      if (isFinal(stretch.lastChunk)) return;
      const keepsUp = performance.now() - givenAt < KEEPS_UP_MS;
      pageBytes = keepsUp ? Math.min(2 * pageBytes, LARGE_PAGE_BYTES) : PAGE_BYTES;
    }
  } finally {
    follower.close();
  }
}

/** What comes after `cursor`; undefined, after a pause, while Postgres cannot be reached. */
async function readTable(
  db: Database,
  executionNo: number,
  cursor: number,
  bytes: number,
  signal: AbortSignal,
): Promise<readonly ChunkRun[] | undefined> {
  try {
    const page = await readPage(db, executionNo, cursor, bytes);
    if (page === undefined) return [];
    if (page.seq > cursor + 1) throw new LogGone('The next rows were removed');
    return [page];
  } catch (error) {
    if (!isTransient(error)) throw error;
    await pause(RECONNECT_MS, signal);
    return undefined;
  }
}

async function isGone(db: Database, executionNo: number): Promise<boolean> {
  try {
    const kept = await runQuery(db, {
      name: 'log-kept',
      text: 'SELECT 1 FROM outlast.workflow_executions WHERE no = $1 AND log_expired_at IS NULL',
      values: [executionNo],
    });
    return kept.length === 0;
  } catch (error) {
    if (!isTransient(error)) throw error;
    return false;
  }
}
