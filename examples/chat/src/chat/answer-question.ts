import type { UseChatHelpers } from '@ai-sdk/react';
import { isToolUIPart, lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';
import type { ChatMessage } from '../server/load-messages.ts';

type Chat = Pick<UseChatHelpers<ChatMessage>, 'messages' | 'addToolOutput' | 'sendMessage'>;

/**
 * `useChat` sends answers by itself when they complete a message that has an approval too; a message with questions
 * alone it does not, since to it they look like tools that the page runs.
 */
export async function answerQuestion(chat: Chat, toolCallId: string, answer: string): Promise<void> {
  const answered = chat.messages.map((message) => withOutput(message, toolCallId, answer));
  await chat.addToolOutput({ tool: 'ask_person', toolCallId, output: answer });
  if (!lastAssistantMessageIsCompleteWithApprovalResponses({ messages: answered })) await chat.sendMessage();
}

function withOutput(message: ChatMessage, toolCallId: string, output: unknown): ChatMessage {
  const parts = message.parts.map((part) =>
    isToolUIPart(part) && part.toolCallId === toolCallId
      ? ({ ...part, state: 'output-available', output } as typeof part)
      : part,
  );
  return { ...message, parts };
}
