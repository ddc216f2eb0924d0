import type { Database } from '../db/database.ts';
import { isTransient } from '../db/errors.ts';
import { pause } from '../pause.ts';
import { isFinal } from './chunk.ts';
import { readPage } from './read-rows.ts';
import type { RecentRows } from './recent-rows.ts';
import { type LogLine, type LogRow, linesAfter } from './row.ts';

export interface ReadOptions {
  /** The seq of the last chunk that the reader has; 0 for none. */
  after: number;
  /** Ends the reading. */
  signal: AbortSignal;
  /** Milliseconds between looks at the table when no news came. */
  pollMs?: number;
}

/** The process looks at the table for all its readers every second; a reader by itself only now and then. */
const POLL_MS = 10_000;
const RECONNECT_MS = 200;

/**
 * Reads a log from `after` on, live: each later chunk once, in order, with the bytes that were committed
 * (L1, L2, L3), until its final row or an abort. Pulls at the pace of whoever iterates.
 *
 * Subscribe first, then read, then wait: nothing can fall in between. Only the chunk at cursor + 1 is ever
 * delivered; whatever else arrives is a reason to look at the table, never one to advance.
 */
export async function* readLog(
  db: Database,
  recentRows: RecentRows,
  executionNo: number,
  { after, signal, pollMs = POLL_MS }: ReadOptions,
): AsyncGenerator<LogLine[], void, void> {
  const follower = recentRows.follow(executionNo);
  try {
    let mayAskTable = true;
    for (let cursor = after; !signal.aborted; ) {
      const recent = follower.recent(cursor);
      const rows =
        recent.length > 0 || !mayAskTable ? recent : await readTable(db, executionNo, cursor, signal);
      if (rows === undefined) continue;
      const lines = linesAfter(rows, cursor);
      const last = lines.at(-1);
      if (last === undefined) {
        if (mayAskTable) follower.caughtUp(cursor);
        await follower.news(pollMs, signal);
        mayAskTable = true;
        continue;
      }
      cursor = last.seq;
      // Memory reaches to the newest row it was told of. Asking the table after each of its batches would be a
      // query for every reader and flush; news or the poll will say when there is more.
      mayAskTable = recent.length === 0;
      yield lines;
      if (isFinal(last.chunk)) return;
    }
  } finally {
    follower.close();
  }
}

/** The rows after `cursor`; undefined, after a pause, while Postgres cannot be reached. */
async function readTable(
  db: Database,
  executionNo: number,
  cursor: number,
  signal: AbortSignal,
): Promise<readonly LogRow[] | undefined> {
  try {
    return await readPage(db, executionNo, cursor);
  } catch (error) {
    if (!isTransient(error)) throw error;
    await pause(RECONNECT_MS, signal);
    return undefined;
  }
}
