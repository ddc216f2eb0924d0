import { useChat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';
import { useState } from 'react';
import { Conversation } from '../conversation/conversation.tsx';
import type { ChatMessage } from '../server/load-messages.ts';
import { chatActions } from './chat-actions.ts';
import { chatStatus } from './chat-status.ts';

interface ChatProps {
  threadId: string;
  /** What the thread had when the page was opened. */
  stored: ChatMessage[];
  demo: boolean;
}

/** A thread by `useChat` of the AI SDK as it is: its own transport, and nothing of Outlast. */
export function Chat({ threadId, stored, demo }: ChatProps) {
  const chat = useChat<ChatMessage>({
    id: threadId,
    messages: stored,
    resume: true,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  // What failed beside the chat: `useChat` does not know it.
  const [trouble, setTrouble] = useState<Error>();
  const { retry, ...actions } = chatActions(threadId, chat, setTrouble);
  return (
    <Conversation
      messages={chat.messages}
      status={chatStatus(chat)}
      actions={actions}
      error={chat.error ?? trouble}
      retry={retry}
      demo={demo}
      isLive={false}
    />
  );
}
