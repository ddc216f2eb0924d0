import type { Logger } from 'pino';
import type { ToolContext } from '../agents/define-tool.ts';
import type { OwnedExecution } from '../executions/owned-execution.ts';

/** What a tool, or its rule for approvals, is told about a call. */
export function toolContext(
  { logger }: { logger: Logger },
  owned: OwnedExecution,
  call: { toolCallId: string; toolName: string },
): ToolContext {
  const { id, threadId, attempt } = owned.claimed;
  return {
    idempotencyKey: `${id}:${call.toolCallId}`,
    executionId: id,
    threadId,
    attempt,
    signal: owned.signal,
    log: logger.child({ executionId: id, toolCallId: call.toolCallId, tool: call.toolName, attempt }),
  };
}
