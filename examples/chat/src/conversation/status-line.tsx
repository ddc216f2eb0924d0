import type { ConversationStatus } from './conversation.tsx';

const TEXTS: Record<ConversationStatus, string> = {
  idle: '',
  working: 'The agent is answering …',
  waiting: 'The agent waits for you.',
};

/** Says what the conversation is at, also to who listens to the page. */
export function StatusLine({ status, isOffline }: { status: ConversationStatus; isOffline: boolean }) {
  return (
    <p className="status" role="status" data-status={isOffline ? 'offline' : status}>
      {isOffline ? 'No connection. This goes on by itself when there is one.' : TEXTS[status]}
    </p>
  );
}
