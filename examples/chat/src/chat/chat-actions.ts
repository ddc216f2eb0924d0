import type { UseChatHelpers } from '@ai-sdk/react';
import type { ConversationActions } from '../conversation/conversation-actions.ts';
import type { ChatMessage } from '../server/load-messages.ts';
import { loadMessages } from '../server/load-messages.ts';
import { stopAnswer } from '../server/stop-answer.ts';
import { answerQuestion } from './answer-question.ts';
import { tryAgain } from './try-again.ts';

type ChatHook = UseChatHelpers<ChatMessage>;

/** What a person can do, by `useChat`. @param tell shows what went wrong; undefined takes it back */
export function chatActions(
  threadId: string,
  chat: ChatHook,
  tell: (error: Error | undefined) => void,
): ConversationActions & { retry(): void } {
  const quietly = (work: () => Promise<unknown>) => {
    tell(undefined);
    work().catch(tell);
  };
  return {
    send: (text) => quietly(() => chat.sendMessage({ text })),
    stop: () => quietly(() => stop(threadId, chat)),
    edit: (messageId, text) => quietly(() => chat.sendMessage({ text, messageId })),
    regenerate: (messageId) => quietly(() => chat.regenerate({ messageId })),
    approve: (id) => quietly(async () => chat.addToolApprovalResponse({ id, approved: true })),
    deny: (id, reason) =>
      quietly(async () =>
        chat.addToolApprovalResponse({ id, approved: false, ...(reason !== '' && { reason }) }),
      ),
    answer: (toolCallId, answer) => quietly(() => answerQuestion(chat, toolCallId, answer)),
    retry: () => quietly(() => tryAgain(threadId, chat)),
  };
}

/** The server ends the answer; what it has stored of it by then is what is shown. */
async function stop(threadId: string, chat: ChatHook): Promise<void> {
  await stopAnswer(threadId);
  await chat.stop();
  chat.setMessages(await loadMessages(threadId));
}
