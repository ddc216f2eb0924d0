import type { Connection } from '../http/connection.ts';
import { newId } from '../http/new-id.ts';
import { browserTabs } from '../tabs/browser-tabs.ts';
import { shareName } from '../tabs/share-name.ts';
import type { TabSharing } from '../tabs/tab-group.ts';
import {
  type Decision,
  type MessageContent,
  type SendOptions,
  type ThreadCommands,
  threadCommands,
} from './commands.ts';
import { loadMessage, loadMessages } from './load-messages.ts';
import type { ThreadMessage } from './message.ts';
import { Outbox } from './outbox.ts';
import { readThread } from './read-thread.ts';
import { SharedThread } from './shared-thread.ts';
import type { ThreadUpdate } from './update.ts';
import { EMPTY_VIEW, type ThreadView, viewOf } from './view.ts';

export interface ThreadStoreOptions {
  connection: Connection;
  threadId: string;
  /** How tabs share one connection; null: each has its own. Default: as the browser can. */
  tabs?: TabSharing | null | undefined;
}

/** Nobody looks any more: the connection stays for so long, for one who comes back or mounts again. */
const LINGER_MS = 5000;
/** How soon to ask again for a thread that does not exist, or that could not be had. */
const LATER_MS = 30_000;

/**
 * A thread as a page shows it, for as many components as look at it: one connection, or none when another tab has it.
 * It begins with the first subscriber, and ends some seconds after the last.
 */
export class ThreadStore {
  readonly #connection: Connection;
  readonly #threadId: string;
  readonly #tabs: TabSharing | undefined;
  readonly #commands: ThreadCommands;
  readonly #outbox = new Outbox();
  /** How to send what is in the outbox. */
  readonly #sends = new Map<string, () => Promise<ThreadMessage>>();
  readonly #listeners = new Set<() => void>();
  #shared: SharedThread | undefined;
  #view: ThreadView = EMPTY_VIEW;
  #error: Error | null = null;
  #isStarted = false;
  #callOffEnd: () => void = () => undefined;
  #goOn: () => void = () => undefined;
  #isTelling = false;
  #isOld = false;
  #loads = 0;

  constructor({ connection, threadId, tabs }: ThreadStoreOptions) {
    this.#connection = connection;
    this.#threadId = threadId;
    this.#tabs = tabs === undefined ? browserTabs() : (tabs ?? undefined);
    this.#commands = threadCommands(connection, threadId);
  }

  /** What is shown; the same object until something changes. */
  readonly view = (): ThreadView => {
    if (this.#isOld) this.#makeView();
    return this.#view;
  };

  /** @returns what ends the subscription */
  readonly subscribe = (listener: () => void): (() => void) => {
    // Another function each time: the same one may subscribe twice.
    const listen = () => listener();
    this.#listeners.add(listen);
    this.#callOffEnd();
    if (!this.#isStarted) this.#start();
    return () => {
      if (!this.#listeners.delete(listen) || this.#listeners.size > 0) return;
      this.#callOffEnd = this.#connection.environment.after(LINGER_MS, () => this.close());
    };
  };

  /** Ends the connection at once. */
  close(): void {
    this.#callOffEnd();
    this.#isStarted = false;
    this.#shared?.leave();
    this.#shared = undefined;
  }

  /**
   * Sends a message; it is shown at once. When it cannot be stored it stays, marked `failed`, and `retry` sends it
   * again.
   * @returns as all methods that change something: whether that was done; if not, the view's `error` says why
   */
  readonly send = async (content: string | MessageContent, options: SendOptions = {}): Promise<boolean> => {
    const id = newId();
    const said = typeof content === 'string' ? { text: content } : content;
    const parts = 'text' in said ? [{ type: 'text' as const, text: said.text }] : said.parts;
    this.#sends.set(id, () => this.#commands.post({ id, parts }, options));
    this.#outbox.put({ id, role: 'user', parts, metadata: { status: 'sending' } });
    return this.#post(id);
  };

  /** Sends a message again that could not be sent. The server takes it once, also if it had got it before. */
  readonly retry = async (messageId: string): Promise<boolean> => {
    if (!this.#sends.has(messageId)) return false;
    this.#outbox.mark(messageId, { status: 'sending' });
    return this.#post(messageId);
  };

  /** Stops what runs and what waits. What was said so far stays. */
  readonly stop = (): Promise<boolean> => this.#do(() => this.#commands.stop());

  /** Answers again. Default: the last answer. */
  readonly regenerate = (messageId?: string, options: { agentId?: string } = {}): Promise<boolean> =>
    this.#do(async () => {
      const id = messageId ?? this.view().messages.findLast(({ role }) => role === 'assistant')?.id;
      if (id !== undefined) await this.#commands.regenerate(id, options);
    });

  /** Changes a message of the user; what came after it is dropped, and it is answered again. */
  readonly edit = (
    messageId: string,
    content: string | MessageContent,
    options: { agentId?: string } = {},
  ): Promise<boolean> =>
    this.#do(async () => {
      const said = typeof content === 'string' ? { text: content } : content;
      await this.#commands.edit(messageId, said, options);
    });

  /** Decides what a person was asked. */
  readonly decide = (approvalId: string, decision: Decision): Promise<boolean> =>
    this.#do(async () => {
      const approval = await this.#commands.decide(approvalId, decision);
      this.#shared?.model.apply({ type: 'approval', approval });
    });

  /** Brings the messages before the first one. */
  readonly loadOlder = (): Promise<boolean> =>
    this.#do(async () => {
      const before = this.#shared?.model.state.olderCursor;
      if (before === undefined || before === null) return;
      const { messages, olderCursor } = await loadMessages(this.#connection, this.#threadId, { before });
      if (this.#shared?.model.state.olderCursor === before)
        this.#shared.model.apply({ type: 'older', messages, olderCursor });
    });

  async #post(id: string): Promise<boolean> {
    this.#changed();
    const isDone = await this.#do(async () => {
      const message = await this.#sends.get(id)?.();
      if (message === undefined) return;
      this.#sends.delete(id);
      this.#outbox.mark(id, { ...message.metadata, status: 'complete' });
      if (this.#shared?.model.state.isMissing === true) this.#shared.made();
    });
    if (!isDone) this.#outbox.mark(id, { status: 'failed', ...(this.#error && { error: this.#error }) });
    this.#changed();
    return isDone;
  }

  /** Does it, and shows why when it fails, until something succeeds. */
  async #do(command: () => Promise<void>): Promise<boolean> {
    try {
      await command();
      this.#error = null;
    } catch (error) {
      this.#error = error as Error;
    }
    this.#changed();
    return this.#error === null;
  }

  #start(): void {
    this.#isStarted = true;
    void this.#join();
  }

  async #join(): Promise<void> {
    const name = this.#tabs && (await shareName(this.#connection, this.#threadId));
    if (!this.#isStarted || this.#shared !== undefined) return;
    this.#shared = new SharedThread({
      name: name ?? '',
      sharing: name === undefined ? undefined : this.#tabs,
      environment: this.#connection.environment,
      tab: newId(),
      onChange: () => this.#changed(),
      lead: () => this.#lead(),
      onMade: () => this.#goOn(),
    });
    this.#changed();
  }

  /** Reads the thread for all tabs, where the model is. */
  #lead(): () => void {
    const ended = new AbortController();
    // The group may be in the making: what is read is told through it.
    queueMicrotask(() => void this.#read(ended.signal));
    return () => {
      ended.abort();
      this.#goOn();
    };
  }

  async #read(signal: AbortSignal): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined) return;
    while (!signal.aborted) {
      try {
        await readThread(this.#connection, this.#threadId, {
          cursor: shared.model.state.cursor,
          signal,
          made: () => this.#later(),
          tell: (update) => {
            if (!signal.aborted) this.#tell(shared, update);
          },
        });
      } catch (error) {
        if (signal.aborted) return;
        shared.tell({ type: 'failed', error: error as Error });
        // Somebody may sign in again.
        await this.#later();
      }
    }
  }

  /** Waits until the thread was made in this browser, or perhaps elsewhere, of which nobody tells. */
  async #later(): Promise<void> {
    const { environment } = this.#connection;
    let undo: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      undo = [environment.onWake(resolve), environment.after(LATER_MS, resolve)];
    });
    for (const each of undo) each();
  }

  #tell(shared: SharedThread, update: ThreadUpdate): void {
    shared.tell(update);
    if (update.type !== 'chunk' || update.chunk.type !== 'abort') return;
    // With `discard` nothing of it is kept; the log does not say so.
    const messageId = shared.model.liveId;
    if (messageId !== undefined) void this.#tellStored(shared, messageId);
  }

  async #tellStored(shared: SharedThread, messageId: string): Promise<void> {
    // Unanswered, it stays as its log has told it, until the messages are loaded again: nobody asked for this by hand.
    const message = await loadMessage(this.#connection, this.#threadId, messageId).catch(() => undefined);
    if (message !== undefined) shared.tell({ type: 'stored', messageId, message });
  }

  /** There is something new to show. The listeners are told once of all that changes at once. */
  #changed(): void {
    this.#isOld = true;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  #makeView(): void {
    this.#isOld = false;
    const state = this.#shared?.model.state;
    if (state === undefined) return;
    this.#outbox.drop(state.messages);
    if (state.loads !== this.#loads) this.#outbox.dropStored();
    this.#loads = state.loads;
    this.#view = viewOf(state, this.#outbox.messages, this.#error);
  }
}
