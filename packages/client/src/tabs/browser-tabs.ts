import type { TabSharing } from './tab-group.ts';

interface Channel {
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  postMessage(message: unknown): void;
  close(): void;
}

interface Browser {
  document?: unknown;
  navigator?: { locks?: { request: TabSharing['lock'] } };
  BroadcastChannel?: new (name: string) => Channel;
}

/** How the tabs of this browser share; undefined where they cannot, and outside of browsers. */
export function browserTabs(): TabSharing | undefined {
  const { document, navigator, BroadcastChannel } = globalThis as unknown as Browser;
  const locks = navigator?.locks;
  if (document === undefined || locks === undefined || BroadcastChannel === undefined) return undefined;
  return {
    lock: (name, options, held) => locks.request(name, options, held),
    open: (name, hear) => {
      const channel = new BroadcastChannel(name);
      channel.addEventListener('message', ({ data }) => hear(data));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin only
      const post = (message: unknown) => channel.postMessage(message);
      return { post, close: () => channel.close() };
    },
  };
}
