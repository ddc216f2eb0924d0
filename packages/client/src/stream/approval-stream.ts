import type { Approval } from '../generated.ts';
import type { Connection } from '../http/connection.ts';
import { type ConnectionState, follow } from './follow.ts';

/** What happens in the inbox. */
export type InboxEvent =
  /** Comes first on every connection: what was between two is not told, so that the list has to be read again. */
  | { type: 'snapshot'; pending: number }
  /** An approval is new, or was changed. */
  | { type: 'approval'; approval: Approval };

export interface InboxOptions {
  /** Ends the stream quietly. */
  signal?: AbortSignal;
  onState?: (state: ConnectionState) => void;
}

/**
 * Every change of the approvals that the caller may decide, over as many connections as it takes, until the abort.
 * @throws OutlastProblem when asking again would not help
 */
export async function* streamApprovals(
  connection: Connection,
  options: InboxOptions = {},
): AsyncGenerator<InboxEvent, void, undefined> {
  const request = () => ({
    method: 'GET',
    path: '/approvals/stream',
    headers: { accept: 'text/event-stream' },
  });
  for await (const { event, data } of follow(connection, { ...options, request, isNext: () => true })) {
    const told: unknown = JSON.parse(data);
    if (event === 'snapshot') yield { type: 'snapshot', ...(told as { pending: number }) };
    if (event === 'approval') yield { type: 'approval', approval: told as Approval };
  }
}
