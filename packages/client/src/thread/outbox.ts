import type { ThreadMessage, ThreadMessageMetadata } from './message.ts';

/** What this page has sent, until the thread's stream brings it. */
export class Outbox {
  #messages: ReadonlyMap<string, ThreadMessage> = new Map();

  get messages(): ReadonlyMap<string, ThreadMessage> {
    return this.#messages;
  }

  put(message: ThreadMessage): void {
    this.#messages = new Map(this.#messages).set(message.id, message);
  }

  mark(id: string, metadata: ThreadMessageMetadata): void {
    const message = this.#messages.get(id);
    if (message !== undefined) this.put({ ...message, metadata });
  }

  /** Those are in the thread. A change of its history must not leave them here. */
  drop(messages: readonly ThreadMessage[]): void {
    const known = messages.filter(({ id }) => this.#messages.has(id));
    if (known.length === 0) return;
    const rest = new Map(this.#messages);
    for (const { id } of known) rest.delete(id);
    this.#messages = rest;
  }

  /** All messages were loaded anew: what is stored is among them, or not history any more. */
  dropStored(): void {
    this.#messages = new Map(
      [...this.#messages].filter(([, { metadata }]) => metadata?.executionId === undefined),
    );
  }
}
