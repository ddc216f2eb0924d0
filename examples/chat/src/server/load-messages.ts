import type { UIMessage } from 'ai';
import { getJson } from './get-json.ts';

/** Of a stored message: whether it is still being written, or ended before it was complete. */
export interface MessageMetadata {
  executionId?: string;
  status?: 'active' | 'complete' | 'partial' | 'sending' | 'failed';
}

export type ChatMessage = UIMessage<MessageMetadata>;

const LIMIT = 200;

/** The newest messages of a thread, the oldest of them first; none of one that does not exist yet. */
export async function loadMessages(threadId: string): Promise<ChatMessage[]> {
  const page = await getJson<{ data: ChatMessage[] }>(
    `/threads/${threadId}/messages?order=desc&limit=${LIMIT}`,
  );
  return page?.data.toReversed() ?? [];
}
