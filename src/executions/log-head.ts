import { and, eq } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { executionNotFound } from './get-execution.ts';
import { type ExecutionStatus, isFinalStatus } from './status.ts';
import { lastSeqOfLog } from './view.ts';

/** What a reader of a log has to know before it starts. All of one moment. */
export interface LogHead {
  executionId: string;
  executionNo: number;
  status: ExecutionStatus;
  final: boolean;
  suspendedReason: string | null;
  lastSeq: number;
  /** Its rows were removed by retention. */
  expired: boolean;
  /** Where its message is, also when the log is gone. */
  messageUrl: string;
}

/** @throws Problem not-found */
export async function readLogHead(db: Executor, scope: Scope, id: string): Promise<LogHead> {
  const [row] = await db
    .select({
      executionNo: workflowExecutions.no,
      status: workflowExecutions.status,
      suspendedReason: workflowExecutions.suspendedReason,
      lastSeq: lastSeqOfLog,
      logExpiredAt: workflowExecutions.logExpiredAt,
      threadId: threads.id,
      messageId: workflowExecutions.messageId,
    })
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, id)));
  if (row === undefined) throw executionNotFound(id);
  const status = row.status as ExecutionStatus;
  return {
    executionId: id,
    executionNo: row.executionNo,
    status,
    final: isFinalStatus(status),
    suspendedReason: row.suspendedReason,
    lastSeq: row.lastSeq,
    expired: row.logExpiredAt !== null,
    messageUrl: `/threads/${row.threadId}/messages/${encodeURIComponent(row.messageId)}`,
  };
}
