import { and, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import { INBOX } from '../chunks/log-hints.ts';
import type { LogRow } from '../chunks/row.ts';
import type { Transaction } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import type { Notify } from '../notifications/notify.ts';
import { Problem } from '../problems/problem.ts';
import { holdThreadOf } from '../threads/hold-thread.ts';
import type { ThreadNews } from '../threads/thread-news.ts';
import type { Dispatch } from './dispatch.ts';
import { endByCancel } from './end-by-cancel.ts';
import type { ExecutionMetrics } from './execution-metrics.ts';
import type { CancelMode } from './finalise.ts';
import { executionNotFound } from './get-execution.ts';
import type { DiscardSegments, Segment } from './hand-over.ts';
import { type ExecutionStatus, isFinalStatus } from './status.ts';

export interface CancelDeps {
  dispatch: Dispatch;
  discard: DiscardSegments;
  notify?: Notify | undefined;
  /** Tells readers, here and in other processes, of committed rows; without rows, of another change. */
  publish(executionNo: number, rows: readonly LogRow[]): void;
  /** Ends what this process does for a segment, if it runs it. */
  abandon(segment: Segment, reason: Error): void;
  threadNews: Pick<ThreadNews, 'changed'>;
  logger: Logger;
  metrics: { readonly executions: ExecutionMetrics };
}

export interface CancelRequest {
  /** Shown in the last row of the log and in the timeline; null for none. */
  reason: string | null;
  mode: CancelMode;
  /** Who cancels. */
  by: Scope;
}

/**
 * Cancels an execution in the caller's transaction, whatever it is doing and on whichever process: it is final when
 * that commits, and nobody's answer is waited for. Whoever runs it is refused from then on (L4) and told by what is
 * returned. One that is cancelled already stays as it is.
 * @returns what to call after the commit
 * @throws Problem not-found, execution-finished
 */
export async function cancelExecution(
  tx: Transaction,
  deps: CancelDeps,
  scope: Scope,
  executionId: string,
  request: CancelRequest,
): Promise<() => void> {
  await holdThreadOf(tx, scope, executionId);
  const [execution] = await tx
    .select()
    .from(workflowExecutions)
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, executionId)))
    .for('update');
  if (execution === undefined) throw executionNotFound(executionId);
  // Also a try of ours whose commit was not heard of: readers may not have been told.
  if (execution.status === 'cancelled') {
    return () => {
      deps.publish(execution.no, []);
      deps.publish(INBOX, []);
    };
  }
  if (isFinalStatus(execution.status as ExecutionStatus)) {
    throw new Problem('execution-finished', `The execution is ${execution.status} already`);
  }
  return endByCancel(tx, deps, execution, request);
}
