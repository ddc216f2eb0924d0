import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';

/** The key of metadata that is ours alone, and never shown. */
const MARK = 'outlastMark';

type Parts = UIMessage['parts'];

/** A message that is being written, folded by the AI SDK from the rows of its log, so that it equals the stored one. */
export class LiveMessage {
  readonly id: string;
  readonly #onParts: (parts: Parts) => void;
  readonly #waiting = new Map<number, { pushed: number; resolve: () => void }>();
  #controller: ReadableStreamDefaultController<UIMessageChunk> | undefined;
  #marks = 0;
  #pushed = 0;
  #folded = 0;

  /** @param onParts called with all parts whenever there is something new in them */
  constructor(id: string, onParts: (parts: Parts) => void) {
    this.id = id;
    this.#onParts = onParts;
    const stream = new ReadableStream<UIMessageChunk>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    void this.#read(stream);
  }

  push(chunk: UIMessageChunk): void {
    // It tells how the log ends, and nothing of the message.
    if (chunk.type === 'error' || this.#controller === undefined) return;
    this.#pushed += 1;
    this.#controller.enqueue(chunk);
  }

  /** The parts have all that was pushed, as far as `settled` has told. */
  get isSettled(): boolean {
    return this.#folded === this.#pushed || this.#controller === undefined;
  }

  /** Resolves when the parts have all that was pushed until now. */
  settled(): Promise<void> {
    if (this.#controller === undefined) return Promise.resolve();
    const mark = ++this.#marks;
    const pushed = this.#pushed;
    const seen = new Promise<void>((resolve) => this.#waiting.set(mark, { pushed, resolve }));
    this.#controller.enqueue({ type: 'message-metadata', messageMetadata: { [MARK]: mark } });
    return seen;
  }

  async #read(stream: ReadableStream<UIMessageChunk>): Promise<void> {
    const message: UIMessage = { id: this.id, role: 'assistant', parts: [] };
    try {
      for await (const state of readUIMessageStream({ message, stream, terminateOnError: true })) {
        this.#onParts(state.parts);
        this.#seen((state.metadata as Record<string, unknown> | undefined)?.[MARK]);
      }
    } catch {
      // Not a log that this version of the AI SDK can fold: what is there so far stays.
      this.#controller = undefined;
      for (const { resolve } of this.#waiting.values()) resolve();
    }
  }

  #seen(mark: unknown): void {
    for (const [each, { pushed, resolve }] of this.#waiting) {
      if (typeof mark !== 'number' || each > mark) return;
      this.#waiting.delete(each);
      this.#folded = pushed;
      resolve();
    }
  }
}
