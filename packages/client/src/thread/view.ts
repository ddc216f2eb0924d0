import type { Approval, Execution } from '../generated.ts';
import type { ConnectionState } from '../stream/follow.ts';
import type { ThreadMessage } from './message.ts';
import type { ThreadState } from './model.ts';

/** A thread as it is shown. */
export interface ThreadView {
  /** Oldest first; what was just sent is among them before it is stored. */
  messages: readonly ThreadMessage[];
  /** `loading` until the messages are there, then what the thread's next execution is at. */
  status: 'loading' | 'idle' | 'queued' | 'running' | 'suspended';
  /** The execution that runs, waits for a person, or is next; null: none. */
  execution: Execution | null;
  /** What people are asked, the oldest first. */
  approvals: readonly Approval[];
  connection: ConnectionState;
  /** Why there is no connection, or what the last call of a method met. */
  error: Error | null;
  /** There are messages before the first one: `loadOlder` brings them. */
  hasOlder: boolean;
}

/** What is shown before anything is known, and on servers. */
export const EMPTY_VIEW: ThreadView = {
  messages: [],
  status: 'loading',
  execution: null,
  approvals: [],
  connection: 'connecting',
  error: null,
  hasOlder: false,
};

/**
 * @param sent what this page has sent and does not know to be stored
 * @param error of the last call of a method, if it failed
 */
export function viewOf(
  state: ThreadState,
  sent: ReadonlyMap<string, ThreadMessage>,
  error: Error | null,
): ThreadView {
  const { messages, executions, cursor, olderCursor, isMissing, connection } = state;
  const known = new Set(messages.map(({ id }) => id));
  const execution = executions[0] ?? null;
  const isLoaded = cursor !== null || isMissing;
  return {
    messages: [...messages, ...[...sent.values()].filter(({ id }) => !known.has(id))],
    status: isLoaded ? ((execution?.status as ThreadView['status'] | undefined) ?? 'idle') : 'loading',
    execution,
    approvals: state.approvals.filter((approval) => isOpen(approval, messages)),
    connection,
    error: state.error ?? error,
    hasOlder: olderCursor !== null,
  };
}

/** False when the message shows that it was decided: that may be known before the approval is told of again. */
function isOpen(
  { id, executionId, kind, toolCallId }: Approval,
  messages: readonly ThreadMessage[],
): boolean {
  const message = messages.findLast(
    ({ metadata, role }) => role === 'assistant' && metadata?.executionId === executionId,
  );
  const part = message?.parts.findLast((each) => 'toolCallId' in each && each.toolCallId === toolCallId);
  if (part === undefined || !('state' in part)) return true;
  if (kind === 'question') return part.state === 'input-available' || part.state === 'input-streaming';
  const asked = 'approval' in part ? part.approval?.id : undefined;
  return asked !== id || part.state === 'approval-requested';
}
