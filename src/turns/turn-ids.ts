import type { ModelMessage } from 'ai';
import type { Chunk } from '../chunks/chunk.ts';

/** What the ledger's key can hold, and any wire format can carry. */
const USABLE_ID = /^[\x21-\x7e]{1,128}$/;

/**
 * Makes the ids of one model call unique within the execution. Providers number text parts anew in every call,
 * and some servers give every turn's first tool call the id `call_0`.
 */
export class TurnIds {
  readonly #turn: number;
  readonly #taken: ReadonlySet<string>;
  readonly #renamed = new Map<string, string>();

  /** @param taken the tool call ids of earlier turns */
  constructor(turn: number, taken: ReadonlySet<string>) {
    this.#turn = turn;
    this.#taken = taken;
  }

  toolCallId(id: string): string {
    const known = this.#renamed.get(id);
    if (known !== undefined) return known;
    const isUsable = USABLE_ID.test(id);
    const own = isUsable ? `t${this.#turn}.${id}`.slice(0, 128) : `t${this.#turn}.call${this.#renamed.size}`;
    const unique = isUsable && !this.#taken.has(id) ? id : own;
    this.#renamed.set(id, unique);
    return unique;
  }

  /** The chunk with its ids as the log has them. */
  chunk(chunk: Chunk): Chunk {
    switch (chunk.type) {
      case 'text-start':
      case 'text-delta':
      case 'text-end':
      case 'reasoning-start':
      case 'reasoning-delta':
      case 'reasoning-end':
        return { ...chunk, id: `t${this.#turn}.${chunk.id}` };
      default:
        return 'toolCallId' in chunk ? { ...chunk, toolCallId: this.toolCallId(chunk.toolCallId) } : chunk;
    }
  }

  /** The messages of the answer with the tool call ids that the log has. */
  messages(messages: readonly ModelMessage[]): ModelMessage[] {
    return messages.map((message) => {
      if (typeof message.content === 'string') return message;
      const content = message.content.map((part) =>
        'toolCallId' in part ? { ...part, toolCallId: this.toolCallId(part.toolCallId) } : part,
      );
      return { ...message, content } as ModelMessage;
    });
  }
}

/** Every tool call id in some messages. */
export function toolCallIdsOf(messages: readonly ModelMessage[]): Set<string> {
  const ids = new Set<string>();
  for (const message of messages) {
    if (typeof message.content === 'string') continue;
    for (const part of message.content) if ('toolCallId' in part) ids.add(part.toolCallId);
  }
  return ids;
}
