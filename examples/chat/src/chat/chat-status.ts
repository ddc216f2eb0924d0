import type { UseChatHelpers } from '@ai-sdk/react';
import { isToolUIPart } from 'ai';
import type { ConversationStatus } from '../conversation/conversation.tsx';
import type { ChatMessage } from '../server/load-messages.ts';

/** When a person has to act the stream ends, and the last message has a tool call that is still open. */
export function chatStatus({
  status,
  messages,
}: Pick<UseChatHelpers<ChatMessage>, 'status' | 'messages'>): ConversationStatus {
  if (status === 'submitted' || status === 'streaming') return 'working';
  const isOpen = messages
    .at(-1)
    ?.parts.some(
      (part) =>
        isToolUIPart(part) && (part.state === 'approval-requested' || part.state === 'input-available'),
    );
  return isOpen === true ? 'waiting' : 'idle';
}
