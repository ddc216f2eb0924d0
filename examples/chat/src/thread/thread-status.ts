import type { Thread } from '@outlast/client/react';
import type { ConversationStatus } from '../conversation/conversation.tsx';

export function threadStatus(status: Thread['status']): ConversationStatus {
  if (status === 'suspended') return 'waiting';
  return status === 'running' || status === 'queued' ? 'working' : 'idle';
}
