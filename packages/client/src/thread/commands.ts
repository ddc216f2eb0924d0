import type { Approval, Operations } from '../generated.ts';
import type { Connection } from '../http/connection.ts';
import { newId } from '../http/new-id.ts';
import { methodOf } from '../http/operation.ts';
import type { ThreadMessage } from './message.ts';

/** What can be said in a message: parts as the AI SDK has them, or text. */
export type MessageContent = { text: string } | { parts: ThreadMessage['parts'] };

/** What a person can decide, by what was asked. */
export type Decision =
  | { decision: 'approve'; input?: unknown; reason?: string; inputHash?: string }
  | { decision: 'deny'; reason?: string }
  | { decision: 'answer'; answer: unknown }
  | { decision: 'retry'; reason?: string }
  | { decision: 'resolve'; output: unknown; reason?: string };

/** How a message is to be answered. */
export interface SendOptions {
  agentId?: string;
  onBusy?: 'enqueue' | 'reject' | 'interrupt';
}

/** What can be done to a thread; each call does it once, also when the network makes it two requests. */
export interface ThreadCommands {
  post(message: { id: string; parts: ThreadMessage['parts'] }, options: SendOptions): Promise<ThreadMessage>;
  edit(messageId: string, content: MessageContent, options: { agentId?: string }): Promise<void>;
  regenerate(messageId: string, options: { agentId?: string }): Promise<void>;
  decide(approvalId: string, decision: Decision): Promise<Approval>;
  stop(): Promise<void>;
}

export function threadCommands(connection: Connection, threadId: string): ThreadCommands {
  const once = () => ({ idempotencyKey: newId() });
  return {
    async post(message, options) {
      // What the server does not take, such as a part that only assistants have, it says.
      const body = { ...message, ...options } as Operations['postMessage']['body'];
      const { message: stored } = await methodOf(connection, 'postMessage')(threadId, body, once());
      return stored as unknown as ThreadMessage;
    },
    async edit(messageId, content, options) {
      const body = { ...content, ...options } as Operations['editMessage']['body'];
      await methodOf(connection, 'editMessage')(threadId, messageId, body, once());
    },
    async regenerate(messageId, options) {
      await methodOf(connection, 'regenerateMessage')(threadId, messageId, options, once());
    },
    decide: (approvalId, decision) => methodOf(connection, 'decideApproval')(approvalId, decision, once()),
    async stop() {
      await methodOf(connection, 'stopChat')(threadId);
    },
  };
}
