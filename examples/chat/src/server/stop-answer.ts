import { messageOf } from './message-of.ts';

/** Ends what is being written in a chat; what was said so far stays. `stop()` of `useChat` only stops reading. */
export async function stopAnswer(threadId: string): Promise<void> {
  const response = await fetch(`/api/chat/${threadId}/stop`, { method: 'POST' });
  if (!response.ok) throw new Error(messageOf(await response.text()));
}
