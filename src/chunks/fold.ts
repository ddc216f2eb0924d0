import { readUIMessageStream, type UIMessage } from 'ai';
import type { Chunk } from './chunk.ts';
import { coalesce } from './coalesce.ts';

/**
 * The message that a log tells (L5), by the AI SDK's own fold, so that a stock client has the very same.
 * @throws Error when the chunks are no valid log: the log is at fault then, never its reader.
 */
export async function foldChunks(chunks: readonly Chunk[], messageId: string): Promise<UIMessage> {
  let message: UIMessage = { id: messageId, role: 'assistant', parts: [] };
  let fault: unknown;
  const stream = new ReadableStream<Chunk>({
    start(controller) {
      // The fold takes a snapshot for each chunk; joined, a long text is one of them. `error` rows only end a log.
      for (const chunk of coalesce(chunks)) if (chunk.type !== 'error') controller.enqueue(chunk);
      controller.close();
    },
  });
  const onError = (error: unknown) => {
    fault ??= error;
  };
  for await (const state of readUIMessageStream({ message, stream, onError, terminateOnError: false }))
    message = state;
  if (fault !== undefined) throw new Error(`The log of message ${messageId} does not fold`, { cause: fault });
  return message;
}
