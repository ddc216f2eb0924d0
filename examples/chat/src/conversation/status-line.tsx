import type { ConversationStatus } from './conversation.tsx';

const TEXTS: Record<ConversationStatus, string> = {
  idle: '',
  working: 'The agent is answering …',
  waiting: 'The agent waits for you.',
};

/** Says what the conversation is at, also to who listens to the page. */
export function StatusLine({ status }: { status: ConversationStatus }) {
  return (
    <p className="status" role="status" data-status={status}>
      {TEXTS[status]}
    </p>
  );
}
