import { isFinal } from '../chunks/chunk.ts';
import type { Follower, RecentRows } from '../chunks/recent-rows.ts';
import { LogStretch } from '../chunks/row.ts';
import type { Database } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import { getExecution } from './get-execution.ts';
import { type LogHead, readLogHead } from './log-head.ts';
import type { Execution } from './view.ts';

export interface WaitOptions {
  timeoutMs: number;
  /** Ends the waiting: the caller has gone. */
  signal: AbortSignal;
  /** Milliseconds between looks at the status when there is no news. */
  pollMs?: number;
}

const POLL_MS = 1000;

/**
 * The execution, as soon as it is final or suspended, or when the time is up.
 * @throws Problem not-found
 */
export async function waitForExecution(
  deps: { db: Database; recentRows: RecentRows },
  scope: Scope,
  id: string,
  { timeoutMs, signal, pollMs = POLL_MS }: WaitOptions,
): Promise<Execution> {
  const deadline = performance.now() + timeoutMs;
  let head = await readLogHead(deps.db.orm, scope, id);
  const follower = deps.recentRows.follow(head.executionNo, signal);
  try {
    // Once more after following has begun: nothing can fall in between.
    head = await readLogHead(deps.db.orm, scope, id);
    follower.caughtUp(head.lastSeq);
    while (!isSettled(head) && !signal.aborted && performance.now() < deadline) {
      await newsOfStatus(follower, head.lastSeq, Math.min(deadline, performance.now() + pollMs), signal);
      head = await readLogHead(deps.db.orm, scope, id);
      follower.caughtUp(head.lastSeq);
    }
  } finally {
    follower.close();
  }
  return getExecution(deps.db.orm, scope, id);
}

function isSettled(head: LogHead): boolean {
  return head.final || head.status === 'suspended';
}

/** Returns at news that may have to do with the status, or at `until`; chunks that stream by are none. */
async function newsOfStatus(
  follower: Follower,
  lastSeq: number,
  until: number,
  signal: AbortSignal,
): Promise<void> {
  for (let cursor = lastSeq; !signal.aborted; ) {
    const left = until - performance.now();
    if (left <= 0) return;
    await follower.news(left);
    const stretch = new LogStretch(follower.recent(cursor), cursor);
    if (stretch.runs.length === 0 || isFinal(stretch.lastChunk)) return;
    cursor = stretch.lastSeq;
  }
}
