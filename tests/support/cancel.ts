import { type Database, transaction } from '../../src/db/database.ts';
import { OPEN_SCOPE } from '../../src/db/scope.ts';
import {
  type CancelDeps,
  type CancelRequest,
  cancelExecution,
} from '../../src/executions/cancel-execution.ts';
import { cancelDeps } from './executions.ts';

/** Cancels an execution as a request does. */
export async function cancel(
  db: Database,
  executionId: string,
  request: Partial<CancelRequest> = {},
  deps: Partial<CancelDeps> = {},
): Promise<void> {
  const whole: CancelRequest = { reason: null, mode: 'interrupt', by: OPEN_SCOPE, ...request };
  const after = await transaction(db, (tx) =>
    cancelExecution(tx, cancelDeps(deps), OPEN_SCOPE, executionId, whole),
  );
  after();
}
