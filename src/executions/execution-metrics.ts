import type { EndReason } from './hand-over.ts';
import type { ExecutionStatus } from './status.ts';

/** Where it is counted what became of executions: after the commit, where the same fact is logged. */
export interface ExecutionMetrics {
  finished(status: Extract<ExecutionStatus, 'completed' | 'failed' | 'cancelled'>): void;
  attemptEnded(reason: EndReason): void;
}
