import type { UIMessageChunk } from 'ai';
import type { Approval, Execution } from '../generated.ts';
import type { ConnectionState } from '../stream/follow.ts';
import { joinChunk } from './join-chunks.ts';
import { LiveMessage } from './live-message.ts';
import type { ThreadMessage } from './message.ts';
import type { ThreadUpdate } from './update.ts';

/** A thread as this page knows it, so that another page can go on from there. */
export interface ThreadState {
  messages: ThreadMessage[];
  /** Those that are not over. */
  executions: Execution[];
  approvals: Approval[];
  /** Where in the thread's stream this is; null: nothing was loaded. */
  cursor: string | null;
  /** For the messages before the first one; null: there are none. */
  olderCursor: string | null;
  /** The log of the message that is being written, as far as it is known. */
  log: UIMessageChunk[];
  /** How often all messages were loaded. */
  loads: number;
  isMissing: boolean;
  connection: ConnectionState;
  error: Error | null;
}

const NOTHING: ThreadState = {
  messages: [],
  executions: [],
  approvals: [],
  cursor: null,
  olderCursor: null,
  log: [],
  loads: 0,
  isMissing: false,
  connection: 'connecting',
  error: null,
};

const ENDS: Partial<Record<UIMessageChunk['type'], 'complete' | 'partial'>> = {
  finish: 'complete',
  abort: 'partial',
  error: 'partial',
};

/** What is known of a thread, kept by applying one update after the other. */
export class ThreadModel {
  #state: ThreadState = NOTHING;
  #live: LiveMessage | undefined;
  /** The message before that: its last rows may not be folded yet. */
  #earlier: LiveMessage | undefined;
  /** Counts how often all was replaced: what is still folded for what was there before comes too late. */
  #generation = 0;
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get state(): ThreadState {
    return this.#state;
  }

  /** The message that is being written, or was last. */
  get liveId(): string | undefined {
    return this.#live?.id;
  }

  /** Resolves when the state has all that was told, also what is folded. */
  async settled(): Promise<void> {
    while (this.#live?.isSettled === false || this.#earlier?.isSettled === false) {
      await this.#earlier?.settled();
      await this.#live?.settled();
    }
  }

  /**
   * A model of what another page knows, all at once.
   * @param known what this page has shown: of that, older messages stay
   */
  static async restore(
    state: ThreadState,
    onChange: () => void,
    known: ThreadState = NOTHING,
  ): Promise<ThreadModel> {
    let isReady = false;
    const model = new ThreadModel(() => {
      if (isReady) onChange();
    });
    model.#state = withOlder(state, known);
    const begun = state.log[0];
    if (begun?.type === 'start' && begun.messageId !== undefined) {
      model.#live = model.#fold(begun.messageId);
      for (const chunk of state.log) model.#live.push(chunk);
      await model.#live.settled();
    }
    isReady = true;
    return model;
  }

  apply(update: ThreadUpdate): void {
    const next = this.#next(update);
    if (next !== undefined) this.#set(next);
  }

  #next(update: ThreadUpdate): Partial<ThreadState> | undefined {
    switch (update.type) {
      case 'loaded': {
        this.#forget();
        const { messages, cursor, olderCursor } = update;
        const { connection, loads } = this.#state;
        const loaded = { ...NOTHING, connection, messages, cursor, olderCursor, loads: loads + 1 };
        return withOlder(loaded, this.#state);
      }
      case 'older': {
        const known = new Set(this.#state.messages.map(({ id }) => id));
        const older = update.messages.filter(({ id }) => !known.has(id));
        return { messages: [...older, ...this.#state.messages], olderCursor: update.olderCursor };
      }
      case 'chunk':
        return this.#takeChunk(update);
      case 'execution':
        return { executions: this.#withExecution(update.execution) };
      case 'thread-message':
        return { messages: put(this.#state.messages, update.message as unknown as ThreadMessage) };
      case 'approval':
        return { approvals: this.#withApproval(update.approval) };
      case 'stored':
        return this.#takeStored(update.messageId, update.message);
      case 'missing':
        this.#forget();
        return { ...NOTHING, isMissing: true, connection: 'live', loads: this.#state.loads + 1 };
      case 'connection':
        return update.state === 'live' ? { connection: 'live', error: null } : { connection: update.state };
      case 'failed':
        return { error: update.error, connection: 'offline' };
    }
  }

  #forget(): void {
    this.#generation += 1;
    this.#live = undefined;
    this.#earlier = undefined;
  }

  #set(change: Partial<ThreadState>): void {
    this.#state = { ...this.#state, ...change };
    this.#onChange();
  }

  #takeChunk({ chunk, cursor, ordinal }: ThreadUpdate & { type: 'chunk' }): Partial<ThreadState> {
    const { executions, approvals } = this.#state;
    const log = chunk.type === 'start' ? [] : [...this.#state.log];
    joinChunk(log, chunk);
    if (chunk.type === 'start') this.#begin(chunk, ordinal);
    this.#live?.push(chunk);
    const status = ENDS[chunk.type];
    if (status === undefined) return { cursor, log };
    const isOver = (each: { ordinal: number }) => each.ordinal <= ordinal;
    const over = new Set(executions.filter(isOver).map(({ id }) => id));
    over.add(this.#state.messages.find(({ id }) => id === this.#live?.id)?.metadata?.executionId ?? '');
    return {
      cursor,
      log,
      messages: this.#withStatus(status),
      // Its end may be the last that is heard of it.
      executions: executions.filter((each) => !isOver(each)),
      approvals: approvals.filter(({ executionId }) => !over.has(executionId)),
    };
  }

  /** A message begins: after the one that it answers. */
  #begin({ messageId = '', messageMetadata }: UIMessageChunk & { type: 'start' }, ordinal: number): void {
    const execution = this.#state.executions.find((each) => each.ordinal === ordinal);
    const { executionId } = (messageMetadata ?? {}) as { executionId?: string };
    const metadata = { ...(executionId === undefined ? {} : { executionId }), status: 'active' } as const;
    const message: ThreadMessage = { id: messageId, role: 'assistant', parts: [], metadata };
    this.#set({ messages: put(this.#state.messages, message, execution?.inputMessageId) });
    this.#earlier = this.#live;
    this.#live = this.#fold(messageId);
  }

  #fold(messageId: string): LiveMessage {
    const generation = this.#generation;
    return new LiveMessage(messageId, (parts) => {
      const message = this.#state.messages.find(({ id }) => id === messageId);
      if (message === undefined || generation !== this.#generation) return;
      this.#set({ messages: put(this.#state.messages, { ...message, parts }) });
    });
  }

  #withStatus(status: 'complete' | 'partial'): ThreadMessage[] {
    const message = this.#state.messages.find(({ id }) => id === this.#live?.id);
    if (message === undefined) return this.#state.messages;
    return put(this.#state.messages, { ...message, metadata: { ...message.metadata, status } });
  }

  #withExecution(execution: Execution): Execution[] {
    const others = this.#state.executions.filter(({ id }) => id !== execution.id);
    // One whose end was read in its log is over, whatever is told late.
    const isOver = execution.finishedAt !== null || execution.ordinal <= this.#lastEnded();
    return isOver ? others : [...others, execution].sort((a, b) => a.ordinal - b.ordinal);
  }

  /** The ordinal of the execution whose end was the last thing that was read; 0 if it was none. */
  #lastEnded(): number {
    const { cursor, log } = this.#state;
    const last = log.at(-1);
    return last !== undefined && ENDS[last.type] !== undefined ? Number(cursor?.split('.')[0]) : 0;
  }

  #withApproval(approval: Approval): Approval[] {
    const others = this.#state.approvals.filter(({ id }) => id !== approval.id);
    return approval.status === 'pending' ? [...others, approval] : others;
  }

  #takeStored(messageId: string, message: ThreadMessage | null): Partial<ThreadState> | undefined {
    const { messages } = this.#state;
    if (message === null) return { messages: messages.filter(({ id }) => id !== messageId) };
    return messages.some(({ id }) => id === messageId) ? { messages: put(messages, message) } : undefined;
  }
}

/** Replaces the message with this id, or adds it: after another one, else at the end. */
function put(messages: readonly ThreadMessage[], message: ThreadMessage, afterId?: string): ThreadMessage[] {
  const known = messages.findIndex(({ id }) => id === message.id);
  if (known !== -1) return messages.with(known, message);
  const before = messages.findIndex(({ id }) => id === afterId);
  return before === -1 ? [...messages, message] : messages.toSpliced(before + 1, 0, message);
}

/** With what was loaded before its first message earlier. */
function withOlder(state: ThreadState, known: ThreadState): ThreadState {
  const first = state.messages[0]?.id;
  const before = known.messages.findIndex(({ id }) => id === first);
  if (before <= 0) return state;
  return {
    ...state,
    messages: [...known.messages.slice(0, before), ...state.messages],
    olderCursor: known.olderCursor,
  };
}
