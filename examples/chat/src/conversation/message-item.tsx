import { useState } from 'react';
import type { ChatMessage } from '../server/load-messages.ts';
import type { ConversationActions } from './conversation-actions.ts';
import { EditForm } from './edit-form.tsx';
import { MessagePart } from './message-part.tsx';
import { textOf } from './text-of.ts';

interface MessageItemProps {
  message: ChatMessage;
  actions: ConversationActions;
  isLast: boolean;
  /** Nothing is being written: the history can be changed. */
  isIdle: boolean;
  /** What this message asks can be decided now. */
  canDecide: boolean;
}

/** One message, with what can be done about it. */
export function MessageItem({ message, actions, isLast, isIdle, canDecide }: MessageItemProps) {
  const [isEditing, setEditing] = useState(false);
  const isUsers = message.role === 'user';
  const save = (text: string) => {
    setEditing(false);
    actions.edit(message.id, text);
  };
  return (
    <li className={`message ${message.role}`} data-role={message.role} data-message-id={message.id}>
      <h2>{isUsers ? 'You' : 'Agent'}</h2>
      {isEditing ? (
        <EditForm text={textOf(message)} save={save} cancel={() => setEditing(false)} />
      ) : (
        message.parts.map((part, index) => (
          // Parts are only ever added, and have no id of their own.
          <MessagePart key={index} part={part} actions={actions} canDecide={canDecide} />
        ))
      )}
      {isIdle && message.metadata?.status === 'partial' && (
        <p className="mark">Partial: this answer was stopped, or failed.</p>
      )}
      {isIdle && !isEditing && (
        <div className="buttons">
          {isUsers && (
            <button type="button" className="quiet" onClick={() => setEditing(true)}>
              Edit
            </button>
          )}
          {isLast && (
            <button type="button" className="quiet" onClick={() => actions.regenerate(message.id)}>
              {isUsers ? 'Answer' : 'Regenerate'}
            </button>
          )}
        </div>
      )}
    </li>
  );
}
