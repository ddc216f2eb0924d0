import { and, eq, sql } from 'drizzle-orm';
import type { ApprovalPolicy } from '../automations/settings.ts';
import { readLogEnd } from '../chunks/read-rows.ts';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { executionAttempts, threads, workers, workflowExecutions } from '../db/schema.ts';
import { statusesBefore } from './status.ts';

/** What a worker knows of the execution that it has claimed. */
export interface ClaimedExecution {
  id: string;
  no: number;
  tenantId: string;
  ownerId: string;
  threadNo: number;
  threadId: string;
  ordinal: number;
  messageId: string;
  agentId: string;
  segment: number;
  attempt: number;
  activeMs: number;
  /** What becomes of calls that a person has to be asked about, where nobody is there; null: the person is. */
  approvalPolicy: ApprovalPolicy | null;
  /** Where its log ends, read under this attempt: nobody else can append any more. */
  lastSeq: number;
  /** The last turn that has rows in the log; 0 for none. */
  lastTurn: number;
}

/**
 * Makes this worker the owner of a segment: one winner, and only while the worker's own lease row exists, which is
 * held so that a sweeper that deletes it comes before or after, never in between.
 * @returns undefined when there is nothing to run: taken over, cancelled, or the lease is lost.
 */
export async function claimExecution(
  db: Database,
  workerId: string,
  executionId: string,
  segment: number,
): Promise<ClaimedExecution | undefined> {
  return transaction(db, async (tx) => {
    const host = await holdWorker(tx, workerId);
    if (host === undefined) return undefined;
    const claimed =
      (await claimQueued(tx, workerId, executionId, segment)) ??
      // An earlier try of ours committed without our hearing of it.
      (await findClaimed(tx, workerId, executionId, segment));
    if (claimed === undefined) return undefined;
    await tx
      .insert(executionAttempts)
      .values({ executionId, attempt: claimed.attempt, tenantId: claimed.tenantId, segment, workerId, host })
      .onConflictDoNothing();
    const [thread] = await tx
      .select({ id: threads.id })
      .from(threads)
      .where(eq(threads.no, claimed.threadNo));
    return {
      ...claimed,
      threadId: thread?.id ?? '',
      ...(await readLogEnd(tx, claimed.no)),
    };
  });
}

type ExecutionRow = typeof workflowExecutions.$inferSelect;

async function holdWorker(tx: Transaction, workerId: string): Promise<string | undefined> {
  const [worker] = await tx
    .select({ host: workers.host })
    .from(workers)
    .where(eq(workers.workerId, workerId))
    .for('key share');
  return worker?.host;
}

async function claimQueued(
  tx: Transaction,
  workerId: string,
  executionId: string,
  segment: number,
): Promise<ExecutionRow | undefined> {
  const [row] = await tx
    .update(workflowExecutions)
    .set({
      status: 'running',
      workerId,
      attempt: sql`${workflowExecutions.attempt} + 1`,
      startedAt: sql`coalesce(${workflowExecutions.startedAt}, clock_timestamp())`,
    })
    .where(
      and(
        eq(workflowExecutions.id, executionId),
        eq(workflowExecutions.segment, segment),
        sql`${workflowExecutions.status} = ANY(${sql.param(statusesBefore('running'))})`,
      ),
    )
    .returning();
  return row;
}

async function findClaimed(
  tx: Transaction,
  workerId: string,
  executionId: string,
  segment: number,
): Promise<ExecutionRow | undefined> {
  const [row] = await tx
    .select()
    .from(workflowExecutions)
    .where(
      and(
        eq(workflowExecutions.id, executionId),
        eq(workflowExecutions.segment, segment),
        eq(workflowExecutions.status, 'running'),
        eq(workflowExecutions.workerId, workerId),
      ),
    );
  return row;
}
