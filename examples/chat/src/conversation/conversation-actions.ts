/** What a person can do in a conversation, whichever hook does it. None of these throws. */
export interface ConversationActions {
  send(text: string): void;
  stop(): void;
  edit(messageId: string, text: string): void;
  /** Has a message of the agent, or the one that a message of a person has not got, written again. */
  regenerate(messageId: string): void;
  approve(approvalId: string): void;
  deny(approvalId: string, reason: string): void;
  /** Answers a question of the agent, in place of a tool's output. */
  answer(toolCallId: string, answer: string): void;
}
