import { convertToModelMessages, type ModelMessage, type UIMessage } from 'ai';
import { and, asc, eq, lt } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messages } from '../db/schema.ts';
import { readAnswer } from './answer.ts';

/**
 * What the model is told: the thread up to (not including) a position, then the answer so far. Answers come as the
 * model gave them, so that prompt caches and signed reasoning stay valid; a partial one is rebuilt from its parts.
 */
export async function readHistory(
  db: Executor,
  execution: { id: string; threadNo: number },
  historyPosition: number,
): Promise<{ history: ModelMessage[]; answer: ModelMessage[] }> {
  const stored = await db
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, execution.threadNo), lt(messages.position, historyPosition)))
    .orderBy(asc(messages.position));
  const history: ModelMessage[] = [];
  for (const message of stored) {
    const isWhole = message.role === 'assistant' && message.status === 'complete';
    const known = isWhole ? await readAnswer(db, message.executionId) : [];
    history.push(...(known.length > 0 ? known : await fromParts(message)));
  }
  return { history, answer: await readAnswer(db, execution.id) };
}

async function fromParts(message: { role: 'user' | 'assistant'; parts: unknown[] }): Promise<ModelMessage[]> {
  const parts = message.parts as UIMessage['parts'];
  const converted = await convertToModelMessages([{ role: message.role, parts }], {
    ignoreIncompleteToolCalls: true,
  });
  // Providers refuse a message without content, which an answer that was cut at once would be.
  return converted.filter((item) => item.content.length > 0);
}
