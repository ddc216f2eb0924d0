import { type Database, runQuery } from '../db/database.ts';
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

/** By one statement: what begins between two would be taken for told. Zeros for a thread without executions. */
async function beginNow(db: Database, threadNo: number): Promise<ThreadStart> {
  const [found] = await runQuery<{ ordinal: number; seq: number; isFinal: boolean }>(db, {
    name: 'thread-begin-now',
    text: `
SELECT ordinal, coalesce(last_seq, 0) AS seq, finished_at IS NOT NULL AS "isFinal"
FROM outlast.workflow_executions
WHERE thread_no = $1 AND ordinal = coalesce(
  (SELECT min(ordinal) FROM outlast.workflow_executions WHERE thread_no = $1 AND finished_at IS NULL),
  (SELECT max(ordinal) FROM outlast.workflow_executions WHERE thread_no = $1))`,
    values: [threadNo],
  });
  if (found === undefined) return { ordinal: 0, seq: 0, messagesAfter: 0 };
  const { ordinal, seq, isFinal } = found;
  return isFinal ? { ordinal, seq, messagesAfter: ordinal } : { ordinal, seq: 0, messagesAfter: ordinal - 1 };
}
