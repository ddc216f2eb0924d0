import type { Thread } from '@outlast/client/react';
import type { ConversationActions } from '../conversation/conversation-actions.ts';

/** What a person can do, by `useThread`, whose methods do not throw: the thread has the `error`. */
export function threadActions(thread: Thread): ConversationActions {
  const asked = (toolCallId: string) => thread.approvals.find((each) => each.toolCallId === toolCallId)?.id;
  return {
    send: (text) => void thread.send(text),
    stop: () => void thread.stop(),
    edit: (messageId, text) => void thread.edit(messageId, text),
    regenerate: (messageId) => void thread.regenerate(messageId),
    approve: (approvalId) => void thread.approve(approvalId),
    deny: (approvalId, reason) => void thread.deny(approvalId, reason === '' ? undefined : reason),
    answer: (toolCallId, answer) => {
      const approvalId = asked(toolCallId);
      if (approvalId !== undefined) void thread.answer(approvalId, answer);
    },
  };
}
