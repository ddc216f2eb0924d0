import { LogGone, readLog } from '../chunks/read-log.ts';
import type { RecentRows } from '../chunks/recent-rows.ts';
import type { Database } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import { lookAtThread, nextToRead, type SeenExecution } from './look-at-thread.ts';
import { ThreadAccount } from './thread-account.ts';
import type { ThreadStart } from './thread-cursor.ts';
import type { ThreadEvent } from './thread-events.ts';
import type { ThreadFollower, ThreadNews } from './thread-news.ts';

export interface FollowDeps {
  readonly db: Database;
  readonly recentRows: RecentRows;
  readonly threadNews: ThreadNews;
  /** Milliseconds without news after which a reader of a log looks at the table by itself. */
  readonly pollMs?: number;
}

/**
 * Everything that happens in a thread from `start` on: the log of one execution after the other, each chunk once and
 * in order, and between the chunks what else is new. Ends only when the thread is deleted, or at the abort.
 *
 * One thing at a time, so that nothing overtakes: it follows first, then looks, tells what is new, and reads the log
 * of the next execution until that is over, or caught up with while there is news; then it looks again, and goes on
 * in that log from the very chunk at which it left.
 * @throws LogGone when retention took away what comes next
 */
export async function* followThread(
  deps: FollowDeps,
  threadNo: number,
  start: ThreadStart,
  signal: AbortSignal,
): AsyncGenerator<ThreadEvent, void, void> {
  let readingNo: number | undefined;
  // Whoever reads a log waits for its rows: to them, too, something else is new.
  const follower = deps.threadNews.follow(threadNo, signal, () => {
    if (readingNo !== undefined) deps.recentRows.publish(readingNo, [], null);
  });
  const account = new ThreadAccount(deps.db, threadNo, start);
  try {
    while (!signal.aborted) {
      const { ordinal } = account.cursor;
      follower.take();
      follower.settle(ordinal - 1);
      const looked = await untilReachable(signal, () => lookAtThread(deps.db, threadNo, ordinal));
      if (looked === undefined) return yield { kind: 'deleted' };
      yield* account.tell(looked.executions, signal);
      const next = nextToRead(looked, account.cursor, account.hasBegun);
      if (next === undefined) {
        await follower.next();
        continue;
      }
      account.moveTo(next.ordinal);
      // Beyond what was looked at: there is nothing to be read before it.
      if (next.execution === undefined) continue;
      readingNo = next.execution.no;
      yield* readExecution(deps, next.execution, account, follower, signal);
      readingNo = undefined;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof LogGone && (await lookAtThread(deps.db, threadNo, 0)) === undefined)
      return yield { kind: 'deleted' };
    throw error;
  } finally {
    follower.close();
  }
}

/** The log of an execution from the cursor on, to its end, or until it is caught up with while there is news. */
async function* readExecution(
  deps: FollowDeps,
  execution: SeenExecution,
  account: ThreadAccount,
  follower: ThreadFollower,
  signal: AbortSignal,
): AsyncGenerator<ThreadEvent, void, void> {
  yield* account.begin(execution, signal);
  const log = readLog(deps.db, deps.recentRows, execution.no, {
    after: account.cursor.seq,
    signal,
    isEnough: async () => follower.isFresh || account.owes,
    ...(deps.pollMs === undefined ? {} : { pollMs: deps.pollMs }),
  });
  for await (const stretch of log) {
    yield* account.tellThatItRuns(execution, signal);
    yield { kind: 'chunks', ordinal: execution.ordinal, stretch };
    account.have(stretch.lastSeq);
  }
}
