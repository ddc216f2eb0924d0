import { convertToModelMessages, isToolUIPart, type ModelMessage, type UIMessage } from 'ai';
import { and, asc, eq, lt } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messages } from '../db/schema.ts';
import { readFiles } from '../files/read-files.ts';
import { remoteFilesOf } from '../files/remote-files.ts';
import { readAnswer } from './answer.ts';
import { inlineFiles } from './inline-files.ts';
import { unfinishedTurn } from './unfinished-turn.ts';

/**
 * What the model is told: the thread up to (not including) a position, then the answer so far. Answers come as the
 * model gave them, so that prompt caches and signed reasoning stay valid; of a partial one, the turn that did not come
 * to its end is rebuilt from its parts.
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
    const parts = message.parts as UIMessage['parts'];
    history.push(
      ...(message.role === 'user'
        ? await fromUser(db, message, parts)
        : await fromAnswer(db, message, parts)),
    );
  }
  return { history, answer: (await readAnswer(db, execution.id)).messages };
}

async function fromUser(
  db: Executor,
  { threadNo, id }: { threadNo: number; id: string },
  parts: UIMessage['parts'],
): Promise<ModelMessage[]> {
  const files = remoteFilesOf(parts).length === 0 ? new Map() : await readFiles(db, threadNo, id);
  const converted = await convertToModelMessages([{ role: 'user', parts }]);
  // Providers refuse a message without content.
  return converted.filter((item) => item.content.length > 0).map((item) => inlineFiles(item, files));
}

async function fromAnswer(
  db: Executor,
  { executionId, status }: { executionId: string; status: 'complete' | 'partial' },
  parts: UIMessage['parts'],
): Promise<ModelMessage[]> {
  const { messages: known, turns } = await readAnswer(db, executionId);
  // A fork keeps answers whose executions were deleted: then their parts are all that is left, with their results.
  if (turns === 0 && parts.some(hasResult)) return fromParts(parts);
  // Of a whole answer there is nothing but its turns; without any it was not made by a model of ours.
  if (status === 'complete' && turns > 0) return known;
  return [...known, ...(await unfinishedTurn(parts, turns))];
}

function hasResult(part: UIMessage['parts'][number]): boolean {
  return isToolUIPart(part) && (part.state === 'output-available' || part.state === 'output-denied');
}

async function fromParts(parts: UIMessage['parts']): Promise<ModelMessage[]> {
  const converted = await convertToModelMessages([{ role: 'assistant', parts }], {
    ignoreIncompleteToolCalls: true,
  });
  return converted.filter((item) => item.content.length > 0);
}
