import type { Connection } from '../http/connection.ts';
import { methodOf } from '../http/operation.ts';
import { OutlastProblem } from '../problem.ts';
import type { ThreadMessage } from './message.ts';

/** As many as one page may have. */
const PAGE = 200;

interface Loaded {
  messages: ThreadMessage[];
  /** Where the thread's stream goes on after these. */
  cursor: string;
  olderCursor: string | null;
}

/**
 * The newest messages of a thread, or those before a cursor, oldest first. Without the one that is being written: that
 * comes from its log, for what was cut in the middle of a part could not be gone on with.
 * @throws OutlastProblem `not-found`
 */
export async function loadMessages(
  connection: Connection,
  threadId: string,
  { before, signal }: { before?: string; signal?: AbortSignal } = {},
): Promise<Loaded> {
  const query = { order: 'desc', omitActive: true, limit: PAGE } as const;
  const { data, nextCursor, streamCursor } = await methodOf(connection, 'listMessages')(
    threadId,
    before === undefined ? query : { ...query, cursor: before },
    signal === undefined ? {} : { signal },
  );
  const messages = data.toReversed() as unknown as ThreadMessage[];
  return { messages, cursor: streamCursor, olderCursor: nextCursor };
}

/** A message as it is stored; null if it is not. */
export async function loadMessage(
  connection: Connection,
  threadId: string,
  messageId: string,
): Promise<ThreadMessage | null> {
  try {
    return (await methodOf(connection, 'getMessage')(threadId, messageId)) as unknown as ThreadMessage;
  } catch (error) {
    if (error instanceof OutlastProblem && error.status === 404) return null;
    throw error;
  }
}
