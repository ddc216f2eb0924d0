import type { Connection } from '../http/connection.ts';
import { isTransient, OutlastProblem } from '../problem.ts';
import { attachThread } from '../stream/attach-thread.ts';
import { pause } from '../stream/pause.ts';
import { loadMessages } from './load-messages.ts';
import type { ThreadUpdate } from './update.ts';

export interface ReadThreadOptions {
  /** Where to go on; null: with everything. */
  cursor: string | null;
  signal: AbortSignal;
  /** Resolves when a thread that was missing was made. */
  made(): Promise<void>;
  tell(update: ThreadUpdate): void;
}

/**
 * Tells everything that a thread is and becomes: its messages, then what happens, over as many connections as it
 * takes, until the abort.
 * @throws OutlastProblem when asking again would not help
 */
export async function readThread(
  connection: Connection,
  threadId: string,
  { cursor, signal, made, tell }: ReadThreadOptions,
): Promise<void> {
  let at = cursor;
  while (!signal.aborted) {
    const isThere = await untilReached(connection, { signal, tell }, async () => {
      at ??= await load(connection, threadId, { signal, tell });
      return follow(connection, threadId, at, { signal, tell });
    });
    at = null;
    if (isThere || signal.aborted) continue;
    tell({ type: 'missing' });
    await made();
  }
}

type Telling = Pick<ReadThreadOptions, 'signal' | 'tell'>;

async function load(connection: Connection, threadId: string, { signal, tell }: Telling): Promise<string> {
  const loaded = await loadMessages(connection, threadId, { signal });
  tell({ type: 'loaded', ...loaded });
  return loaded.cursor;
}

/** @returns true when the messages have to be loaded again, false when the thread is gone */
async function follow(
  connection: Connection,
  threadId: string,
  cursor: string,
  { signal, tell }: Telling,
): Promise<boolean> {
  // The message of this execution is known up to the cursor; of another one only if it comes from the first row on.
  let [known] = cursor.endsWith('.0') ? [] : cursor.split('.').map(Number);
  const onState = (state: 'connecting' | 'live' | 'offline') => tell({ type: 'connection', state });
  for await (const event of attachThread(connection, threadId, { cursor, signal, onState })) {
    if (event.type === 'history' || event.type === 'reset') return true;
    if (event.type === 'chunk' && event.ordinal !== known) {
      if (event.seq !== 1) return true;
      known = event.ordinal;
    }
    tell(event);
  }
  return signal.aborted;
}

/** Tries again while the server cannot be reached; streams do so by themselves. @returns false when there is no thread */
async function untilReached(
  connection: Connection,
  { signal, tell }: Telling,
  attempt: () => Promise<boolean>,
): Promise<boolean> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) return true;
      if (error instanceof OutlastProblem && error.status === 404) return false;
      if (!isTransient(error)) throw error;
      tell({ type: 'connection', state: 'offline' });
      await pause(connection.environment, failures, error, signal);
    }
  }
}
