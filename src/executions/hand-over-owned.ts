import type { Logger } from 'pino';
import { transaction } from '../db/database.ts';
import { untilReachable } from '../db/retry.ts';
import type { ThreadNews } from '../threads/thread-news.ts';
import type { Dispatch } from './dispatch.ts';
import type { ExecutionMetrics } from './execution-metrics.ts';
import { type DiscardSegments, handOver } from './hand-over.ts';
import type { OwnedExecution } from './owned-execution.ts';
import { OwnershipLost } from './ownership.ts';

/** How long Postgres may be away while a process wants to end; then others find what it ran by its lease. */
const PATIENCE_MS = 5000;

interface HandOverDeps {
  dispatch: Dispatch;
  discard: DiscardSegments;
  logger: Logger;
  metrics: ExecutionMetrics;
  threadNews?: Pick<ThreadNews, 'changed'>;
}

/** Gives an execution of this process to whoever takes its next segment, because the process is about to end. */
export async function handOverOwned(deps: HandOverDeps, owned: OwnedExecution): Promise<void> {
  const { dispatch, discard, logger, metrics, threadNews } = deps;
  const { id, attempt, segment } = owned.claimed;
  const from = { executionId: id, status: 'running' as const, attempt, segment };
  try {
    const signal = AbortSignal.any([owned.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const handed = await untilReachable(signal, () =>
      transaction(owned.db, (tx) => handOver(tx, dispatch, discard, [from], 'drained')),
    );
    if (handed.length > 0) {
      threadNews?.changed(owned.claimed.threadNo);
      metrics.attemptEnded('drained');
      logger.info({ executionId: id, attempt }, 'execution.drained');
    }
  } catch (error) {
    // Lost already, or a fault: a sweeper finds it when this worker's row is gone.
    if (!(error instanceof OwnershipLost))
      logger.error({ err: error, executionId: id }, 'execution.drain-failed');
  }
  owned.lose(new OwnershipLost(`Execution ${id} was handed over`));
}
