import type { ChatMessage } from '../server/load-messages.ts';
import { Composer } from './composer.tsx';
import type { ConversationActions } from './conversation-actions.ts';
import { Failure } from './failure.tsx';
import { MessageItem } from './message-item.tsx';
import { StatusLine } from './status-line.tsx';
import { Suggestions } from './suggestions.tsx';

/** `working`: an answer is being written; `waiting`: for a person. */
export type ConversationStatus = 'idle' | 'working' | 'waiting';

interface ConversationProps {
  messages: readonly ChatMessage[];
  status: ConversationStatus;
  actions: ConversationActions;
  error: Error | undefined;
  /** Undefined when there is nothing to try again. */
  retry: (() => void) | undefined;
  /** Offers scripts of the demo model. */
  demo: boolean;
  /** It shows what happens on the server by itself: then a person may send and decide also while an answer is written. */
  isLive: boolean;
  isOffline?: boolean;
}

/** A thread as it is shown: its messages, what it is at, and where to write. */
export function Conversation(props: ConversationProps) {
  const { messages, status, actions, error, retry, demo, isLive, isOffline = false } = props;
  const lastAnswer = messages.findLast(({ role }) => role === 'assistant');
  return (
    <main className="conversation">
      <div className="scroll">
        <ol className="messages" role="log" aria-label="Messages" aria-busy={status === 'working'}>
          {messages.map((message) => (
            <MessageItem
              key={message.id}
              message={message}
              actions={actions}
              isLast={message === messages.at(-1)}
              isIdle={status !== 'working'}
              canDecide={message === lastAnswer && (status === 'waiting' || isLive)}
            />
          ))}
        </ol>
      </div>
      {messages.length === 0 && demo && <Suggestions send={actions.send} />}
      {error && <Failure error={error} retry={retry} />}
      <StatusLine status={status} isOffline={isOffline} />
      <Composer
        send={actions.send}
        stop={status === 'idle' ? undefined : actions.stop}
        canSend={status !== 'working' || isLive}
      />
    </main>
  );
}
