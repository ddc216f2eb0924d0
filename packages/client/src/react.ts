import { useMemo, useSyncExternalStore } from 'react';
import { createOutlastClient, type OutlastClient } from './client.ts';
import type { Decision, MessageContent, SendOptions } from './thread/commands.ts';
import { threadOf } from './thread/page-threads.ts';
import type { ThreadStore } from './thread/thread-store.ts';
import { EMPTY_VIEW, type ThreadView } from './thread/view.ts';

export type { Decision, MessageContent, SendOptions } from './thread/commands.ts';
export type { ThreadMessage, ThreadMessageMetadata } from './thread/message.ts';
export type { ThreadView } from './thread/view.ts';

export interface UseThreadOptions {
  threadId: string;
  /** The same client for all threads of the page: create it outside of components. */
  client?: Pick<OutlastClient, 'connection'>;
  /** Instead of a client. Default: the page's own origin. */
  baseUrl?: string;
  /** Who answers what is sent. Default: as the server decides. */
  agentId?: string;
}

export type Thread = ThreadView &
  Pick<ThreadStore, 'retry' | 'stop' | 'decide' | 'loadOlder'> & {
    /** Sends a message; it is shown at once. @returns whether it was stored; if not, it is `failed`, for `retry` */
    send(content: string | MessageContent, options?: SendOptions): Promise<boolean>;
    regenerate(messageId?: string): Promise<boolean>;
    edit(messageId: string, content: string | MessageContent): Promise<boolean>;
    approve(approvalId: string, options?: { input?: unknown; reason?: string }): Promise<boolean>;
    deny(approvalId: string, reason?: string): Promise<boolean>;
    /** Answers a question of the agent. */
    answer(approvalId: string, answer: unknown): Promise<boolean>;
  };

/** A thread, live: whatever happens in it, in this tab, in another one or on the server. */
export function useThread({ threadId, client, baseUrl = '', agentId }: UseThreadOptions): Thread {
  const { connection } = client ?? clientOf(baseUrl);
  const store = useMemo(() => threadOf(connection, threadId), [connection, threadId]);
  const view = useSyncExternalStore(store.subscribe, store.view, () => EMPTY_VIEW);
  const methods = useMemo(() => methodsOf(store, agentId), [store, agentId]);
  return useMemo(() => ({ ...view, ...methods }), [view, methods]);
}

const clients = new Map<string, OutlastClient>();

/** On servers nothing is sent: there it does not matter that the base is no URL of its own. */
function clientOf(baseUrl: string): OutlastClient {
  const client = clients.get(baseUrl) ?? createOutlastClient({ baseUrl });
  clients.set(baseUrl, client);
  return client;
}

function methodsOf(store: ThreadStore, agentId: string | undefined) {
  const agent = agentId === undefined ? {} : { agentId };
  const decide = (approvalId: string, decision: Decision) => store.decide(approvalId, decision);
  return {
    send: (content, options) => store.send(content, { ...agent, ...options }),
    retry: store.retry,
    stop: store.stop,
    regenerate: (messageId) => store.regenerate(messageId, agent),
    edit: (messageId, content) => store.edit(messageId, content, agent),
    decide,
    approve: (approvalId, options) => decide(approvalId, { decision: 'approve', ...options }),
    deny: (approvalId, reason) =>
      decide(approvalId, { decision: 'deny', ...(reason !== undefined && { reason }) }),
    answer: (approvalId, answer) => decide(approvalId, { decision: 'answer', answer }),
    loadOlder: store.loadOlder,
  } satisfies Omit<Thread, keyof ThreadView>;
}
