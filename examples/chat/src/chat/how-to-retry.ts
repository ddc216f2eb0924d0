import { textOf } from '../conversation/text-of.ts';
import { getJson } from '../server/get-json.ts';
import { type ChatMessage, loadMessages } from '../server/load-messages.ts';

/**
 * How to get the answer to a message after an error, when it is not known what the server has heard.
 *
 * - `send`: the same message again. Its id is a dedupe key: the server begins its answer, or gives the one there is.
 * - `edit`: the server knows another version of it.
 * - `regenerate`: its answer has ended without being complete, so that only another one can help.
 */
export async function howToRetry(
  threadId: string,
  message: ChatMessage,
): Promise<'send' | 'edit' | 'regenerate'> {
  const messages = await loadMessages(threadId);
  const index = messages.findIndex(({ id }) => id === message.id);
  const stored = messages[index];
  if (stored === undefined) return 'send';
  if (textOf(stored) !== textOf(message)) return 'edit';
  if (messages[index + 1]?.metadata?.status === 'complete') return 'send';
  const thread = await getJson<{ status: string }>(`/threads/${threadId}`);
  return thread?.status === 'idle' ? 'regenerate' : 'send';
}
