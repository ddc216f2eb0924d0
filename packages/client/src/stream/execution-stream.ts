import type { UIMessageChunk } from 'ai';
import type { Connection } from '../http/connection.ts';
import { StreamCut } from './events.ts';
import { type ConnectionState, type FollowedEvent, follow } from './follow.ts';

/** A row of an execution's log. */
export interface LogRow {
  /** 1, 2, 3 … without gaps, for the whole life of the execution. */
  seq: number;
  chunk: UIMessageChunk;
}

export interface StreamOptions {
  /** The seq of the last row that is known. Default: 0, all of them. */
  after?: number;
  /** `suspended`: ends when the execution waits for a person, too. */
  until?: 'suspended';
  /** Ends the stream quietly. */
  signal?: AbortSignal;
  onState?: (state: ConnectionState) => void;
}

/**
 * The rows after a cursor, then those to come, each once and in order, over as many connections as it takes; ends with
 * the execution. Read only as fast as rows are taken.
 * @throws OutlastProblem when asking again would not help, such as `not-found` or `log-expired`
 */
export async function* streamExecution(
  connection: Connection,
  id: string,
  options: StreamOptions = {},
): AsyncGenerator<LogRow, void, undefined> {
  for await (const { seq, chunk } of readLog(connection, id, options)) {
    if (seq !== null) yield { seq, chunk };
  }
}

export interface ReadLogOptions extends StreamOptions {
  /** The answer to a request that began the stream. */
  opened?: Response;
}

/** The same with the chunks that are no rows, which have no seq. */
export async function* readLog(
  connection: Connection,
  id: string,
  { after = 0, until, ...options }: ReadLogOptions,
): AsyncGenerator<{ seq: number | null; chunk: UIMessageChunk }, void, undefined> {
  let cursor = after;
  const request = () => ({
    method: 'GET',
    path: `/executions/${encodeURIComponent(id)}/stream`,
    query: { after: cursor, until },
    headers: { accept: 'text/event-stream' },
  });
  for await (const event of follow(connection, { ...options, request, isNext })) {
    const seq = seqOf(event);
    if (seq !== null) cursor = seq;
    yield { seq, chunk: JSON.parse(event.data) as UIMessageChunk };
  }

  /** What is known already is left out; what follows on a gap is not taken, but asked for again. */
  function isNext(event: FollowedEvent): boolean {
    const seq = seqOf(event);
    if (seq === null || seq === cursor + 1) return true;
    if (seq <= cursor) return false;
    throw new StreamCut(`Row ${seq} came after row ${cursor}`);
  }
}

function seqOf({ id, event }: FollowedEvent): number | null {
  return id === undefined || id === '' || event !== undefined ? null : Number(id);
}
