import { and, eq, isNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messages, threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';
import { type ChatBody, lastUserId, userMessageById } from './chat-body.ts';

/** A request that drops a part of the history: the message that is answered again, and what it is from now on. */
export interface Rewriting {
  messageId: string;
  /** Undefined: as it was. */
  parts: unknown[] | undefined;
  /** Of these parts, in the body. */
  pointer: string;
}

/**
 * What a chat wants to have answered again, or differently. Of an answer that the thread does not have (it was
 * discarded, or never begun) the message before it is meant; undefined when that is new, too.
 * @throws Problem validation-failed for an edited message that is none that a user can send
 */
export async function findRewriting(
  db: Executor,
  scope: Scope,
  threadId: string,
  body: ChatBody,
): Promise<Rewriting | undefined> {
  const { trigger, messageId } = body;
  if (trigger === 'regenerate-message') {
    for (const id of [messageId, lastUserId(body)]) {
      if (await isKnown(db, scope, threadId, id))
        return { messageId: id as string, parts: undefined, pointer: '' };
    }
    return undefined;
  }
  if ((await roleOf(db, scope, threadId, messageId)) !== 'user') return undefined;
  const { parts, pointer } = userMessageById(body, messageId as string);
  return { messageId: messageId as string, parts, pointer };
}

async function isKnown(
  db: Executor,
  scope: Scope,
  threadId: string,
  id: string | null | undefined,
): Promise<boolean> {
  if ((await roleOf(db, scope, threadId, id)) !== undefined) return true;
  return id != null && (await isBeingWritten(db, scope, threadId, id));
}

async function roleOf(db: Executor, scope: Scope, threadId: string, id: string | null | undefined) {
  if (id == null || id.includes('\0')) return undefined;
  const [message] = await db
    .select({ role: messages.role })
    .from(messages)
    .innerJoin(threads, eq(threads.no, messages.threadNo))
    .where(and(isThread(scope, threadId), eq(messages.id, id)));
  return message?.role;
}

async function isBeingWritten(db: Executor, scope: Scope, threadId: string, id: string): Promise<boolean> {
  if (id.includes('\0')) return false;
  const [execution] = await db
    .select({ id: workflowExecutions.id })
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(
      and(
        isThread(scope, threadId),
        eq(workflowExecutions.messageId, id),
        isNull(workflowExecutions.finishedAt),
      ),
    );
  return execution !== undefined;
}
