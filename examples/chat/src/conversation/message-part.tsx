import { isToolUIPart } from 'ai';
import type { ChatMessage } from '../server/load-messages.ts';
import type { ConversationActions } from './conversation-actions.ts';
import { Reasoning } from './reasoning.tsx';
import { ToolCall } from './tool-call.tsx';

interface MessagePartProps {
  part: ChatMessage['parts'][number];
  actions: ConversationActions;
  canDecide: boolean;
}

/** One part of a message, by its kind; parts that have nothing to show are left out. */
export function MessagePart({ part, actions, canDecide }: MessagePartProps) {
  if (part.type === 'text') return <p className="text">{part.text}</p>;
  if (part.type === 'reasoning') return <Reasoning text={part.text} isOpen={part.state === 'streaming'} />;
  if (isToolUIPart(part)) return <ToolCall part={part} actions={actions} canDecide={canDecide} />;
  return null;
}
