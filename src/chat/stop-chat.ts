import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import type { CancelDeps } from '../executions/cancel-execution.ts';
import { cancelUnfinished } from '../executions/cancel-unfinished.ts';
import { findUnfinished } from '../executions/find-unfinished.ts';
import { holdThreadById } from '../threads/hold-thread.ts';

/**
 * Cancels what is being written in a chat, and what waits for it, and keeps what was said so far.
 * @returns the execution that was active, and what to call after the commit; undefined when there was none
 */
export async function stopChat(
  tx: Transaction,
  deps: CancelDeps,
  scope: Scope,
  threadId: string,
): Promise<{ executionId: string; afterCommit: () => void } | undefined> {
  const thread = await holdThreadById(tx, scope, threadId);
  const executionId = thread && (await findUnfinished(tx, thread));
  if (thread === undefined || executionId === undefined) return undefined;
  const request = { reason: null, mode: 'interrupt', by: scope } as const;
  const afterCancel = await cancelUnfinished(tx, deps, thread.no, request);
  const afterCommit = () => {
    afterCancel();
    deps.threadNews.changed(thread.no);
  };
  return { executionId, afterCommit };
}
