import { eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type AuditAction, SUBJECT_OF } from '../audit/actions.ts';
import type { Actor } from '../audit/actor.ts';
import { type AuditEntry, auditing } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import type { Dispatch } from './dispatch.ts';

type Thread = Pick<typeof threads.$inferSelect, 'no' | 'tenantId' | 'ownerId' | 'id' | 'lastOrdinal'>;
type NewRow = typeof workflowExecutions.$inferInsert;

/** An execution as whoever adds it describes it; all else comes from its thread, or is as in every new one. */
export interface ExecutionToAdd
  extends Pick<
    NewRow,
    | 'id'
    | 'agentId'
    | 'source'
    | 'inputMessageId'
    | 'input'
    | 'metadata'
    | 'retryOf'
    | 'dropsFrom'
    | 'automationId'
    | 'firingId'
    | 'approvalPolicy'
  > {
  /** The thread has one that is not final: this one waits, as segment 0, until it is promoted. */
  isBusy: boolean;
  asked: Asked;
}

/** Who asks for an execution, and what that is called where it is written down. */
export interface Asked {
  by: Actor;
  action: Extract<AuditAction, `execution.${string}` | `message.${string}`>;
  details?: AuditEntry['details'];
}

/** An execution that a request is answered with. */
export interface CreatedExecution {
  executionId: string;
  threadNo: number;
  /** To be called once the transaction has committed. */
  launch(): void;
}

export interface AddedExecution extends CreatedExecution {
  executionNo: number;
  /** Of the message that it answers with. */
  messageId: string;
}

/** The ordinal of the execution that is added next; the caller holds the thread's row. */
export function nextOrdinal({ lastOrdinal }: Pick<Thread, 'lastOrdinal'>): number {
  return lastOrdinal + 1;
}

/**
 * Adds the newest execution to a thread, whose row the caller holds, and sees to it that it is run. Every execution is
 * made here, whoever asks for it, in the transaction that does all else that belongs to it (E4: what commits is durable).
 * That it was asked for is written down by the same statement.
 */
export async function addExecution(
  tx: Transaction,
  dispatch: Dispatch,
  thread: Thread,
  { isBusy, asked, ...execution }: ExecutionToAdd,
): Promise<AddedExecution> {
  const ordinal = nextOrdinal(thread);
  const messageId = uuidv7();
  const [inserted] = await auditing(tx, asked.by, entryOf(thread, execution, asked))
    .insert(workflowExecutions)
    .values({
      ...execution,
      tenantId: thread.tenantId,
      ownerId: thread.ownerId,
      threadNo: thread.no,
      ordinal,
      messageId,
      status: 'queued',
      segment: isBusy ? 0 : 1,
    })
    .returning({ no: workflowExecutions.no });
  await advanceThread(tx, thread, ordinal, execution.agentId);
  const launch = isBusy ? () => undefined : await dispatch(tx, execution.id, 1);
  const { no: executionNo } = inserted as { no: number };
  return { executionId: execution.id, executionNo, messageId, threadNo: thread.no, launch };
}

function entryOf(
  { tenantId, ownerId, id: threadId }: Thread,
  {
    id: executionId,
    inputMessageId,
    agentId,
    source,
  }: Pick<NewRow, 'inputMessageId' | 'agentId' | 'source'> & {
    id: string;
  },
  { action, details }: Asked,
): AuditEntry {
  const subjectId = SUBJECT_OF[action] === 'message' ? inputMessageId : executionId;
  const all = { agentId, source, ...details };
  return { action, tenantId, ownerId, subjectId, executionId, threadId, details: all };
}

/** Records that the thread has a new newest execution. */
async function advanceThread(
  tx: Transaction,
  { no }: Thread,
  ordinal: number,
  agentId: string,
): Promise<void> {
  await tx
    .update(threads)
    .set({ lastOrdinal: ordinal, agentId, updatedAt: sql`clock_timestamp()` })
    .where(eq(threads.no, no));
}
