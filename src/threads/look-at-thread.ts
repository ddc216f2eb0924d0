import { type Database, runQuery } from '../db/database.ts';
import { type ExecutionStatus, isFinalStatus } from '../executions/status.ts';

/** The last chunk that a reader of a thread has: of which execution, and its seq. */
export interface ThreadCursor {
  ordinal: number;
  seq: number;
}

/** As much of an execution as a reader of its thread has to know, whatever its input weighs. */
export interface SeenExecution {
  id: string;
  no: number;
  ordinal: number;
  inputMessageId: string;
  status: ExecutionStatus;
  final: boolean;
  segment: number;
  attempt: number;
  suspendedReason: string | null;
  lastSeq: number;
  /** Its log was removed by retention. */
  expired: boolean;
  /** It answers a message again: the executions from this ordinal on to its own are not history any more. */
  dropsFrom: number | null;
}

/** What a look at a thread has found. */
export interface ThreadLook {
  executions: SeenExecution[];
  /** Of the newest execution, looked at or not; 0 for none. */
  lastOrdinal: number;
}

/** Final executions that are looked at, at once: whoever is further behind gets to the next ones later. */
const WINDOW = 100;

const LOOK = {
  name: 'thread-look',
  text: `
SELECT t.last_ordinal AS "lastOrdinal", e.id, e.no::float8 AS no, e.ordinal, e.status, e.segment, e.attempt, e.suspended_reason AS "suspendedReason",
  e.input_message_id AS "inputMessageId", e.drops_from AS "dropsFrom", e.log_expired_at IS NOT NULL AS expired,
  coalesce(e.last_seq, (SELECT c.seq + c.n - 1 FROM outlast.stream_chunks c
    WHERE c.execution_no = e.no ORDER BY c.seq DESC LIMIT 1), 0) AS "lastSeq"
FROM outlast.threads t
LEFT JOIN outlast.workflow_executions e ON e.thread_no = t.no AND e.ordinal >= $2
  AND (e.ordinal < $2 + ${WINDOW} OR e.finished_at IS NULL OR e.drops_from IS NOT NULL)
WHERE t.no = $1
ORDER BY e.ordinal`,
};

/**
 * The executions of a thread from an ordinal on, all of one moment: those that are not final, and of the final ones
 * the next. Undefined: the thread was deleted.
 */
export async function lookAtThread(
  db: Database,
  threadNo: number,
  fromOrdinal: number,
): Promise<ThreadLook | undefined> {
  const rows = await runQuery<SeenExecution & { lastOrdinal: number }>(db, {
    ...LOOK,
    values: [threadNo, fromOrdinal],
  });
  const [first] = rows;
  if (first === undefined) return undefined;
  const executions = rows
    .filter(({ id }) => id !== null)
    .map((row) => ({ ...row, final: isFinalStatus(row.status) }));
  return { lastOrdinal: first.lastOrdinal, executions };
}

/**
 * The execution whose log a reader gets next: the one at its cursor while that has more, then the next one that is
 * history and has its log. One that left the history is read to its end by whoever has begun it.
 * @returns without an execution: where to look on; undefined when there is nothing but to wait
 */
export function nextToRead(
  { executions, lastOrdinal }: ThreadLook,
  cursor: ThreadCursor,
  hasBegun: boolean,
): { ordinal: number; execution?: SeenExecution } | undefined {
  const end = cursor.ordinal + WINDOW;
  const execution = executions.find((each) => {
    if (each.expired || each.ordinal >= end) return false;
    if (each.ordinal > cursor.ordinal) return !isDropped(each, executions);
    const isOver = each.final && cursor.seq >= each.lastSeq;
    return !isOver && (hasBegun || !isDropped(each, executions));
  });
  if (execution !== undefined) return { ordinal: execution.ordinal, execution };
  return end <= lastOrdinal ? { ordinal: end } : undefined;
}

/** True when what this execution wrote is not history any more. */
export function isDropped(execution: SeenExecution, all: readonly SeenExecution[]): boolean {
  return all.some(({ ordinal, dropsFrom }) => dropsFrom !== null && isWithin(execution, dropsFrom, ordinal));
}

/** True when `later` was made by a change of the history that `execution` was lost by. */
export function dropsAway(later: SeenExecution, execution: SeenExecution): boolean {
  return later.dropsFrom !== null && isWithin(execution, later.dropsFrom, later.ordinal);
}

function isWithin({ ordinal }: SeenExecution, from: number, before: number): boolean {
  return ordinal >= from && ordinal < before;
}
