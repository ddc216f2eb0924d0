import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** The connection ended, or went silent, before the server said that this was all. */
export class StreamCut extends TypeError {
  override readonly name = 'StreamCut';
}

/** Longest line or event that is taken: a message with files in it, and not a mistake without an end. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

export interface EventReaderOptions {
  /** Called for whatever comes, signs of life too. */
  onLife(): void;
  /** Hangs up, also while nothing comes. */
  signal: AbortSignal;
}

/**
 * The events of a stream, read only as fast as they are taken.
 * @throws TypeError when the connection breaks
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  { onLife, signal }: EventReaderOptions,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  let events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event), maxBufferSize: MOST_CHARACTERS });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  // To hang up on a connection that is broken fails with its fault, which `read` has thrown already.
  const hangUp = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', hangUp);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onLife();
      parser.feed(decoder.decode(value, { stream: true }));
      const parsed = events;
      events = [];
      yield* parsed;
    }
  } finally {
    signal.removeEventListener('abort', hangUp);
    hangUp();
  }
}
