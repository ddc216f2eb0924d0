import type { UIMessage } from 'ai';

/** Where a message is from, and how far it is. */
export interface ThreadMessageMetadata {
  executionId?: string;
  /**
   * `sending`, `failed`: of a message that is not known to be stored; `active`: still being written; `partial`: its
   * execution did not complete.
   */
  status: 'sending' | 'failed' | 'active' | 'complete' | 'partial';
  /** Why it could not be sent. */
  error?: Error;
}

/** A message of a thread: a UIMessage of the AI SDK. */
export type ThreadMessage = UIMessage<ThreadMessageMetadata>;
