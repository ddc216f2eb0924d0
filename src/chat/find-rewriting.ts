import { and, eq, isNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messages, threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';

/** What a chat wants, as far as it tells whether a part of the history is to be dropped. */
export interface ChatWish {
  trigger: 'submit-message' | 'regenerate-message';
  messageId?: string | null | undefined;
  /** Of the last message of a user that the client has. */
  lastUserId: string | undefined;
}

/** A wish that drops a part of the history. */
export interface Rewriting {
  /** The message that is answered again. */
  messageId: string;
  /** It is from now on what the client has; else it stays as it was. */
  isEdited: boolean;
}

/**
 * What a chat wants to have answered again, or differently. Of an answer that the thread does not have (it was
 * discarded, or never begun) the message before it is meant; undefined when that is new, too.
 */
export async function findRewriting(
  db: Executor,
  scope: Scope,
  threadId: string,
  { trigger, messageId, lastUserId }: ChatWish,
): Promise<Rewriting | undefined> {
  if (trigger === 'regenerate-message') {
    for (const id of [messageId, lastUserId]) {
      if (await isKnown(db, scope, threadId, id)) return { messageId: id as string, isEdited: false };
    }
    return undefined;
  }
  if ((await roleOf(db, scope, threadId, messageId)) !== 'user') return undefined;
  return { messageId: messageId as string, isEdited: true };
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
