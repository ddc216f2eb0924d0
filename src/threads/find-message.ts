import { and, eq } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messages } from '../db/schema.ts';
import { type Message, toMessage } from './message-view.ts';

/** A stored message of a thread by its id. */
export async function findMessage(db: Executor, threadNo: number, id: string): Promise<Message | undefined> {
  const [row] = await db
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, threadNo), eq(messages.id, id)));
  return row && toMessage(row);
}

/** A stored message of a thread by its place: 2 × ordinal for what an execution came with. */
export async function findMessageAt(
  db: Executor,
  threadNo: number,
  position: number,
): Promise<Message | undefined> {
  const [row] = await db
    .select()
    .from(messages)
    .where(and(eq(messages.threadNo, threadNo), eq(messages.position, position)));
  return row && toMessage(row);
}
