import type { ModelMessage, ToolModelMessage } from 'ai';
import { and, asc, eq, isNotNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { executionTurns, toolCalls } from '../db/schema.ts';
import { CANCELLED } from '../tools/ledger.ts';

type ToolCallRow = typeof toolCalls.$inferSelect;
type ToolResult = Extract<ToolModelMessage['content'][number], { type: 'tool-result' }>;

/**
 * What the turns of an execution added to the history: each model answer as it came, then the results of its
 * calls in the order of the calls. While it goes on, the last turn's results may still be missing.
 * @returns the messages, and how many turns they are
 */
export async function readAnswer(
  db: Executor,
  executionId: string,
): Promise<{ messages: ModelMessage[]; turns: number }> {
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
  const messages = turns.flatMap(({ turn, responseMessages }): ModelMessage[] => {
    const results = calls.filter((call) => call.turn === turn && call.endedAt !== null).map(toResult);
    const answered = (responseMessages ?? []) as ModelMessage[];
    return results.length === 0 ? answered : [...answered, { role: 'tool', content: results }];
  });
  return { messages, turns: turns.length };
}

function toResult(call: ToolCallRow): ToolResult {
  const { toolCallId, toolName } = call;
  const output = toOutput(call);
  const told = call.editedInput === null ? output : withEdit(output, call.editedInput);
  return { type: 'tool-result', toolCallId, toolName, output: told };
}

/**
 * What the model asked for stands in its answer as it gave it, so the result has to say that something else ran: in
 * a text of its own, beside an output that stays as it is.
 */
function withEdit(output: ToolResult['output'], editedInput: unknown): ToolResult['output'] {
  const note = `A person changed the input of this call before it ran, to: ${JSON.stringify(editedInput)}`;
  switch (output.type) {
    case 'text':
    case 'json': {
      const text = output.type === 'text' ? output.value : JSON.stringify(output.value);
      return {
        type: 'content',
        value: [
          { type: 'text', text },
          { type: 'text', text: note },
        ],
      };
    }
    case 'error-text':
      return { type: 'error-text', value: `${output.value}\n${note}` };
    default:
      return output;
  }
}

/** That a cancel cut a call short, as its result: it did not fail, and nobody refused it. */
export function cancelledOutput(note: string | null = null): ToolResult['output'] {
  return { type: 'error-json', value: { cancelled: true, ...(note === null ? {} : { note }) } };
}

function toOutput(call: ToolCallRow): ToolResult['output'] {
  if (call.status === 'completed') {
    return typeof call.output === 'string'
      ? { type: 'text', value: call.output }
      : { type: 'json', value: call.output as Extract<ToolResult['output'], { type: 'json' }>['value'] };
  }
  if (call.errorCode === CANCELLED) return cancelledOutput(call.status === 'unknown' ? call.errorText : null);
  if (call.status === 'denied') {
    return call.errorText === null
      ? { type: 'execution-denied' }
      : { type: 'execution-denied', reason: call.errorText };
  }
  return { type: 'error-text', value: call.errorText ?? 'The tool failed' };
}
