import type { RecentRows } from '../../chunks/recent-rows.ts';
import type { Database } from '../../db/database.ts';
import { isTransient } from '../../db/errors.ts';
import type { Scope } from '../../db/scope.ts';
import { type LogHead, readLogHead } from '../../executions/log-head.ts';

/** Reasons for which a person has to act before the stream goes on. */
const WAITS_FOR_PERSON = new Set(['approval', 'question', 'unknown-outcome', 'budget']);
const POLL_MS = 500;

/** Resolves with the last seq once the execution waits for a person, or with undefined at the abort. */
export async function untilSuspended(
  deps: { db: Database; recentRows: RecentRows },
  scope: Scope,
  head: LogHead,
  signal: AbortSignal,
): Promise<number | undefined> {
  const follower = deps.recentRows.follow(head.executionNo);
  try {
    while (!signal.aborted) {
      const now = await readHead(deps.db, scope, head);
      if (now.suspendedReason !== null && WAITS_FOR_PERSON.has(now.suspendedReason)) return now.lastSeq;
      await follower.news(POLL_MS, signal);
    }
    return undefined;
  } finally {
    follower.close();
  }
}

/** While Postgres is away nothing is known to have changed. */
async function readHead(db: Database, scope: Scope, head: LogHead): Promise<LogHead> {
  try {
    return await readLogHead(db.orm, scope, head.executionId);
  } catch (error) {
    if (!isTransient(error)) throw error;
    return { ...head, suspendedReason: null };
  }
}
