import type { UseChatHelpers } from '@ai-sdk/react';
import type { ChatMessage } from '../server/load-messages.ts';
import { howToRetry } from './how-to-retry.ts';

type Chat = Pick<UseChatHelpers<ChatMessage>, 'messages' | 'setMessages' | 'sendMessage' | 'regenerate'>;

/** Gets the answer to the last message of the person, after an error. */
export async function tryAgain(threadId: string, chat: Chat): Promise<void> {
  const index = chat.messages.findLastIndex(({ role }) => role === 'user');
  const message = chat.messages[index];
  if (message === undefined) return;
  const { id, role, parts } = message;
  switch (await howToRetry(threadId, message)) {
    case 'regenerate':
      return chat.regenerate({ messageId: id });
    case 'edit':
      return chat.sendMessage({ role, parts, messageId: id });
    case 'send':
      chat.setMessages(chat.messages.slice(0, index));
      return chat.sendMessage({ id, role, parts });
  }
}
