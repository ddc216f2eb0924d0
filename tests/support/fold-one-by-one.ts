import { readUIMessageStream, type UIMessage } from 'ai';
import type { Chunk } from '../../src/chunks/chunk.ts';

/** The message that a stock client makes of these chunks, one at a time, as it gets them. @throws what it would */
export async function foldOneByOne(chunks: readonly Chunk[]): Promise<UIMessage> {
  let message: UIMessage = { id: 'client', role: 'assistant', parts: [] };
  const stream = new ReadableStream<Chunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(structuredClone(chunk));
      controller.close();
    },
  });
  for await (const state of readUIMessageStream({ message, stream, terminateOnError: true })) message = state;
  return message;
}
