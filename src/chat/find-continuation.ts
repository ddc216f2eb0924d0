import { and, eq } from 'drizzle-orm';
import type { ApprovalRow } from '../approvals/view.ts';
import { readWholeLog } from '../chunks/read-rows.ts';
import type { Database } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';
import type { LogHead } from '../executions/log-head.ts';
import type { Answered } from './decide-answers.ts';

/** The execution of a thread that an assistant's message answers with; undefined for a message that is none of ours. */
export async function findExecutionOfAnswer(
  { orm }: Database,
  scope: Scope,
  threadId: string,
  messageId: string | undefined,
): Promise<{ id: string; messageId: string } | undefined> {
  if (messageId === undefined || messageId.includes('\0')) return undefined;
  const [execution] = await orm
    .select({ id: workflowExecutions.id, messageId: workflowExecutions.messageId })
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(and(isThread(scope, threadId), eq(workflowExecutions.messageId, messageId)));
  return execution;
}

/**
 * The seq up to which a client has the log that answers what an execution waited for: its stream ended when the
 * execution was suspended with that open. What was decided before a suspension was in its stream, or is after it.
 */
export async function continuationBase(
  db: Database,
  head: LogHead,
  { mentioned, decided }: Answered,
): Promise<number> {
  const ofExecution = ({ executionId }: ApprovalRow) => executionId === head.executionId;
  const fresh = decided.filter(ofExecution);
  const about = fresh.length > 0 ? fresh : mentioned.filter(ofExecution);
  const seqs = about.flatMap(({ suspendedSeq }) => (suspendedSeq === null ? [] : [suspendedSeq]));
  if (seqs.length > 0) return Math.max(...seqs);
  const first = about.length === 0 ? undefined : await firstResponse(db, head, about);
  return first === undefined ? head.lastSeq : first - 1;
}

/** The seq of the first row that tells of a decision on one of these. */
async function firstResponse(
  db: Database,
  { executionNo }: LogHead,
  about: readonly ApprovalRow[],
): Promise<number | undefined> {
  const ids = new Set(about.map(({ id }) => id));
  const { chunks } = await readWholeLog(db, executionNo);
  const index = chunks.findIndex(
    (chunk) => chunk.type === 'tool-approval-response' && ids.has(chunk.approvalId),
  );
  return index === -1 ? undefined : index + 1;
}
