import type { Database } from '../db/database.ts';
import { lookAtThread, type SeenExecution, type ThreadCursor } from './look-at-thread.ts';

/** Where a reader of a thread begins. */
export interface ThreadStart extends ThreadCursor {
  /** User messages of executions after this ordinal are told first. */
  messagesAfter: number;
}

/**
 * Where to go on: at the cursor, if what it points into is there. One into something that is not, and none at all,
 * begin with the execution that runs or waits for a person; without one, with what is still to come.
 */
export async function resolveThreadCursor(
  db: Database,
  threadNo: number,
  cursor: ThreadCursor | undefined,
): Promise<ThreadStart> {
  if (cursor?.ordinal === 0 && cursor.seq === 0) return { ...cursor, messagesAfter: 0 };
  if (cursor !== undefined) {
    const look = await lookAtThread(db, threadNo, cursor.ordinal);
    const execution = look?.executions[0];
    if (execution?.ordinal === cursor.ordinal && isThere(execution, cursor.seq))
      return { ...cursor, messagesAfter: cursor.ordinal };
  }
  return beginNow(db, threadNo);
}

function isThere({ lastSeq, expired }: SeenExecution, seq: number): boolean {
  return expired ? seq === lastSeq : seq <= lastSeq;
}

async function beginNow(db: Database, threadNo: number): Promise<ThreadStart> {
  const unfinished = await findFirstUnfinished(db, threadNo);
  if (unfinished !== undefined) return { ordinal: unfinished, seq: 0, messagesAfter: unfinished - 1 };
  const { lastOrdinal, lastSeq } = await findLast(db, threadNo);
  return { ordinal: lastOrdinal, seq: lastSeq, messagesAfter: lastOrdinal };
}

/** Zeros for a thread without executions. */
async function findLast(db: Database, threadNo: number): Promise<{ lastOrdinal: number; lastSeq: number }> {
  const { rows } = await db.pool.query<{ lastOrdinal: number; lastSeq: number }>(
    `SELECT ordinal AS "lastOrdinal", coalesce(last_seq, 0) AS "lastSeq" FROM outlast.workflow_executions
     WHERE thread_no = $1 ORDER BY ordinal DESC LIMIT 1`,
    [threadNo],
  );
  return rows[0] ?? { lastOrdinal: 0, lastSeq: 0 };
}

async function findFirstUnfinished(db: Database, threadNo: number): Promise<number | undefined> {
  const { rows } = await db.pool.query<{ ordinal: number }>(
    `SELECT ordinal FROM outlast.workflow_executions
     WHERE thread_no = $1 AND finished_at IS NULL ORDER BY ordinal LIMIT 1`,
    [threadNo],
  );
  return rows[0]?.ordinal;
}
