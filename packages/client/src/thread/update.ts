import type { ThreadEvent } from '../stream/attach-thread.ts';
import type { ConnectionState } from '../stream/follow.ts';
import type { ThreadMessage } from './message.ts';

/** What a thread's picture in a page is changed by, in the order in which it happens. */
export type ThreadUpdate =
  | Exclude<ThreadEvent, { type: 'history' | 'reset' }>
  /** All messages but the one that is being written, which is told of from its first chunk. */
  | { type: 'loaded'; messages: ThreadMessage[]; cursor: string; olderCursor: string | null }
  /** Messages before those. */
  | { type: 'older'; messages: ThreadMessage[]; olderCursor: string | null }
  /** A message as it is stored; null: it is not. */
  | { type: 'stored'; messageId: string; message: ThreadMessage | null }
  /** There is no such thread: not yet, or not any more. */
  | { type: 'missing' }
  | { type: 'connection'; state: ConnectionState }
  | { type: 'failed'; error: Error };
