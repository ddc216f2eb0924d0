import type { Connection } from '../http/connection.ts';
import { ThreadStore } from './thread-store.ts';

/** The threads of this page, by the way to their server: whoever shows the same one shares its store. */
const stores = new WeakMap<Connection, Map<string, ThreadStore>>();

/** The store of a thread. It does nothing until somebody subscribes, so that it may be asked for while rendering. */
export function threadOf(connection: Connection, threadId: string): ThreadStore {
  // On a server each request renders for itself.
  if ((globalThis as { document?: unknown }).document === undefined) {
    return new ThreadStore({ connection, threadId });
  }
  const ofConnection = stores.get(connection) ?? new Map<string, ThreadStore>();
  stores.set(connection, ofConnection);
  const store = ofConnection.get(threadId) ?? new ThreadStore({ connection, threadId });
  ofConnection.set(threadId, store);
  return store;
}
