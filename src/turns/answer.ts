import type { ModelMessage, ToolModelMessage } from 'ai';
import { and, asc, eq, isNotNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { executionTurns, toolCalls } from '../db/schema.ts';

type ToolCallRow = typeof toolCalls.$inferSelect;
type ToolResult = Extract<ToolModelMessage['content'][number], { type: 'tool-result' }>;

/**
 * What the turns of an execution added to the history: each model answer as it came, then the results of its
 * calls in the order of the calls. The last turn's results may still be missing.
 */
export async function readAnswer(db: Executor, executionId: string): Promise<ModelMessage[]> {
  const turns = await db
    .select({ turn: executionTurns.turn, responseMessages: executionTurns.responseMessages })
    .from(executionTurns)
    .where(and(eq(executionTurns.executionId, executionId), isNotNull(executionTurns.endedAt)))
    .orderBy(asc(executionTurns.turn));
  const calls = await db
    .select()
    .from(toolCalls)
    .where(eq(toolCalls.executionId, executionId))
    .orderBy(asc(toolCalls.turn), asc(toolCalls.position));
  return turns.flatMap(({ turn, responseMessages }) => {
    const results = calls.filter((call) => call.turn === turn && call.endedAt !== null).map(toResult);
    const answered = (responseMessages ?? []) as ModelMessage[];
    return results.length === 0 ? answered : [...answered, { role: 'tool', content: results }];
  });
}

function toResult(call: ToolCallRow): ToolResult {
  const { toolCallId, toolName } = call;
  return { type: 'tool-result', toolCallId, toolName, output: toOutput(call) };
}

function toOutput(call: ToolCallRow): ToolResult['output'] {
  if (call.status === 'completed') {
    return typeof call.output === 'string'
      ? { type: 'text', value: call.output }
      : { type: 'json', value: call.output as Extract<ToolResult['output'], { type: 'json' }>['value'] };
  }
  if (call.status === 'denied') {
    return call.errorText === null
      ? { type: 'execution-denied' }
      : { type: 'execution-denied', reason: call.errorText };
  }
  return { type: 'error-text', value: call.errorText ?? 'The tool failed' };
}
