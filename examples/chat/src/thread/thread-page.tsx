import { useThread } from '@outlast/client/react';
import { Conversation } from '../conversation/conversation.tsx';
import { threadActions } from './thread-actions.ts';
import { threadStatus } from './thread-status.ts';

/** A thread by `useThread` of Outlast's own client: live, whoever does something in it, and back by itself. */
export function ThreadPage({ threadId, demo }: { threadId: string; demo: boolean }) {
  const thread = useThread({ threadId });
  if (thread.status === 'loading' && thread.error === null) return <p className="status">Loading …</p>;
  const unsent = thread.messages.filter(({ metadata }) => metadata?.status === 'failed');
  const isOffline = thread.connection === 'offline';
  return (
    <Conversation
      messages={thread.messages}
      status={threadStatus(thread.status)}
      actions={threadActions(thread)}
      error={isOffline ? undefined : (thread.error ?? undefined)}
      retry={unsent.length === 0 ? undefined : () => unsent.forEach(({ id }) => void thread.retry(id))}
      demo={demo}
      isLive
      isOffline={isOffline}
    />
  );
}
