import type { UIMessage } from 'ai';

interface Sending<M extends UIMessage> {
  trigger: 'submit-message' | 'regenerate-message';
  messageId: string | undefined;
  messages: readonly M[];
}

/** What a part of a message can say that a person did with a tool call: as yet without outcome, and in all. */
const UNSENT = ['approval-responded'];
const ANSWERED = ['approval-responded', 'output-available', 'output-error', 'output-denied'];

/**
 * What the server may not know yet of a chat; the history it keeps itself. That is the last message of the user, and
 * every answer to a tool call that was not sent: in any message an approval that has no outcome, in the one that is
 * gone on with whatever was answered.
 */
export function newMessages<M extends UIMessage>({ trigger, messageId, messages }: Sending<M>): object[] {
  const last = messages.at(-1);
  if (trigger === 'regenerate-message') return last?.role === 'user' ? [last] : [];
  const continued = messages.find(({ id }) => id === messageId) ?? last;
  return messages.flatMap((message): object[] => {
    if (message.role !== 'assistant') return message.role === 'user' && message === last ? [message] : [];
    const parts = answersIn(message, message === continued ? ANSWERED : UNSENT);
    // The last one is sent without answers, too: it tells which answer is gone on with.
    return parts.length > 0 || message === last ? [{ id: message.id, role: message.role, parts }] : [];
  });
}

/** The parts with answers, without what the server never reads, such as the input. */
function answersIn({ parts }: UIMessage, states: readonly string[]): object[] {
  return parts.flatMap((part) => {
    const { type, toolCallId, state, approval, output, errorText } = part as Record<string, unknown>;
    const isAnswer = toolCallId !== undefined && states.includes(String(state));
    return isAnswer ? [{ type, toolCallId, state, approval, output, errorText }] : [];
  });
}
