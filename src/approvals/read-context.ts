import { and, eq } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { type ApprovalContext, executionTurns, workflowExecutions } from '../db/schema.ts';

/** Characters of each text that whoever decides is shown. */
const MAX_TEXT = 2000;

/** What was being talked about: what the user asked last, and what the model said before it made the call. */
export async function readContext(
  tx: Transaction,
  executionId: string,
  turn: number,
): Promise<ApprovalContext> {
  const [row] = await tx
    .select({ input: workflowExecutions.input, responseMessages: executionTurns.responseMessages })
    .from(workflowExecutions)
    .leftJoin(
      executionTurns,
      and(eq(executionTurns.executionId, workflowExecutions.id), eq(executionTurns.turn, turn)),
    )
    .where(eq(workflowExecutions.id, executionId));
  const { parts } = (row?.input ?? {}) as { parts?: unknown };
  const said = (row?.responseMessages ?? []) as { role?: string; content?: unknown }[];
  return {
    lastUserMessage: bounded(textOf(parts)),
    textSoFar: bounded(
      said.map((message) => (message.role === 'assistant' ? textOf(message.content) : '')).join(''),
    ),
  };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const parts = content as { type?: string; text?: string }[];
  return parts.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : [])).join('\n');
}

/** Not cut in the middle of a surrogate pair. */
function bounded(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  return `${text.slice(0, MAX_TEXT - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
