import type { UIMessageChunk } from 'ai';
import type { Approval, Execution, Message } from '../generated.ts';
import type { Connection } from '../http/connection.ts';
import { StreamCut } from './events.ts';
import { type ConnectionState, type FollowedEvent, follow } from './follow.ts';

/** What happens in a thread. All but chunks are upserts: to be told twice does no harm. */
export type ThreadEvent =
  /** A row of the log of the thread's execution with this ordinal. */
  | { type: 'chunk'; cursor: string; ordinal: number; seq: number; chunk: UIMessageChunk }
  /** An execution has another status. */
  | { type: 'execution'; execution: Execution }
  /** A user's message was added or changed, by whoever. */
  | { type: 'thread-message'; message: Message }
  /** What came after this message is history no more: an edit, another answer. */
  | { type: 'history'; afterMessageId: string }
  | { type: 'approval'; approval: Approval }
  /** What the cursor pointed into is gone. What follows begins anew: load the messages again. */
  | { type: 'reset' };

export interface AttachOptions {
  /** `streamCursor` of the messages, or the `cursor` of a chunk. Default: what runs or waits, from its beginning. */
  cursor?: string;
  /** Ends the stream quietly. */
  signal?: AbortSignal;
  onState?: (state: ConnectionState) => void;
}

interface Place {
  ordinal: number;
  seq: number;
}

/**
 * Everything that happens in a thread, past the end of each execution, each chunk once and in order, over as many
 * connections as it takes; ends when the thread is deleted.
 * @throws OutlastProblem when asking again would not help, such as `not-found`
 */
export async function* attachThread(
  connection: Connection,
  threadId: string,
  options: AttachOptions = {},
): AsyncGenerator<ThreadEvent, void, undefined> {
  let at = options.cursor === undefined ? undefined : placeOf(options.cursor);
  const request = () => ({
    method: 'GET',
    path: `/threads/${encodeURIComponent(threadId)}/stream`,
    query: { after: at === undefined ? undefined : cursorOf(at) },
    headers: { accept: 'text/event-stream' },
  });
  for await (const event of follow(connection, { ...options, request, isNext })) {
    if (event.event !== undefined) {
      const named = nameEvent(event.event, JSON.parse(event.data));
      if (named !== undefined) yield named;
      continue;
    }
    const place = placeOf(event.id ?? '');
    if (at !== undefined && !continues(at, place)) yield { type: 'reset' };
    at = place;
    const chunk = JSON.parse(event.data) as UIMessageChunk;
    yield { type: 'chunk', cursor: cursorOf(place), ...place, chunk };
  }

  function isNext({ event, id, isFirst }: FollowedEvent): boolean {
    if (event !== undefined) return true;
    if (id === undefined || id === '') return false;
    const place = placeOf(id);
    // A connection begins behind the cursor, or anew if the server does not know that any more.
    if (at === undefined || isFirst || continues(at, place)) return true;
    if (place.ordinal < at.ordinal || (place.ordinal === at.ordinal && place.seq <= at.seq)) return false;
    throw new StreamCut(`${id} came after ${cursorOf(at)}`);
  }
}

/** True for the next row of the same execution, and for the first of a later one. */
function continues(at: Place, next: Place): boolean {
  if (next.ordinal === at.ordinal) return next.seq === at.seq + 1;
  return next.ordinal > at.ordinal && next.seq === 1;
}

function placeOf(cursor: string): Place {
  const [, ordinal, seq] = /^(\d+)\.(\d+)$/.exec(cursor) ?? [];
  if (ordinal === undefined) throw new TypeError(`"${cursor}" is not the cursor of a thread`);
  return { ordinal: Number(ordinal), seq: Number(seq) };
}

function cursorOf({ ordinal, seq }: Place): string {
  return `${ordinal}.${seq}`;
}

/** Undefined for what a newer server tells and this client does not know. */
function nameEvent(name: string, data: unknown): ThreadEvent | undefined {
  switch (name) {
    case 'execution':
      return { type: 'execution', execution: data as Execution };
    case 'approval':
      return { type: 'approval', approval: data as Approval };
    case 'thread-message':
      return { type: 'thread-message', message: (data as { message: Message }).message };
    case 'history':
      return { type: 'history', afterMessageId: (data as { afterMessageId: string }).afterMessageId };
    default:
      return undefined;
  }
}
