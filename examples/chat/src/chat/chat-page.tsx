import { useCallback } from 'react';
import { Failure } from '../conversation/failure.tsx';
import { loadMessages } from '../server/load-messages.ts';
import { useLoaded } from '../use-loaded.ts';
import { Chat } from './chat.tsx';

/** `useChat` takes its messages once, so the thread is loaded before it begins. */
export function ChatPage({ threadId, demo }: { threadId: string; demo: boolean }) {
  const { value, error, again } = useLoaded(useCallback(() => loadMessages(threadId), [threadId]));
  if (value !== undefined) return <Chat threadId={threadId} stored={value} demo={demo} />;
  if (error !== undefined) return <Failure error={error} retry={again} />;
  return <p className="status">Loading …</p>;
}
