/** The two ways to show a thread. */
export type Pane = 'chat' | 'thread';

/** What the page shows, which is in its address: a reload, or another tab, shows the same. */
export interface Place {
  pane: Pane;
  threadId: string;
}

export function readPlace(address: URL): Place {
  const pane = address.searchParams.get('pane') === 'thread' ? 'thread' : 'chat';
  return { pane, threadId: address.searchParams.get('thread') ?? newThreadId() };
}

export function placeQuery({ pane, threadId }: Place): string {
  return `?${new URLSearchParams({ pane, thread: threadId })}`;
}

/** A thread begins with its first message; until then it is an id that nobody has. */
export function newThreadId(): string {
  return crypto.randomUUID();
}
