import { readUIMessageStream, type UIMessage } from 'ai';
import type { Chunk } from './chunk.ts';
import { coalesce } from './coalesce.ts';

/**
 * The message that a log tells (L5), by the AI SDK's own fold, so that a stock client has the very same.
 * @throws Error when the chunks are no valid log: the log is at fault then, never its reader.
 */
export async function foldChunks(chunks: readonly Chunk[], messageId: string): Promise<UIMessage> {
  const begun: UIMessage = { id: messageId, role: 'assistant', parts: [] };
  // `error` rows only end a log. Joined, a long text is one chunk.
  const told = coalesce(chunks).filter(({ type }) => type !== 'error');
  const folded = (await foldSteps(begun, told)) ?? (await fold(begun, told));
  if (folded.fault !== undefined) {
    throw new Error(`The log of message ${messageId} does not fold`, { cause: folded.fault });
  }
  return folded.message;
}

interface Folded {
  message: UIMessage;
  /** Whether the message has changed: a step shows only with something that comes after its start. */
  hasChanged: boolean;
  fault: unknown;
}

/**
 * The same, a step at a time: the SDK takes a snapshot of the message for each chunk, so that a message of 300 calls
 * with 10 KB each takes 1.8 s as a whole and 0.1 s by its steps.
 * @returns undefined when a step is not told without those before it
 */
async function foldSteps(begun: UIMessage, chunks: readonly Chunk[]): Promise<Folded | undefined> {
  if (chunks.some(replacesEarlier)) return undefined;
  const parts: UIMessage['parts'] = [];
  let message = begun;
  let unseen: Chunk[] = [];
  for (const step of stepsOf(chunks)) {
    const stretch = [...unseen, ...step];
    const folded = await fold({ ...message, parts: [] }, stretch);
    if (folded.fault !== undefined) return undefined;
    unseen = folded.hasChanged ? [] : stretch;
    if (!folded.hasChanged) continue;
    message = folded.message;
    parts.push(...message.parts);
  }
  return { message: { ...message, parts }, hasChanged: true, fault: undefined };
}

/** A data part with an id takes the place of the one that has it, in whatever step. */
function replacesEarlier(chunk: Chunk): boolean {
  return chunk.type.startsWith('data-') && 'id' in chunk && chunk.id !== undefined;
}

function stepsOf(chunks: readonly Chunk[]): Chunk[][] {
  const steps: Chunk[][] = [[]];
  for (const chunk of chunks) {
    if (chunk.type === 'start-step') steps.push([]);
    steps.at(-1)?.push(chunk);
  }
  return steps;
}

async function fold(begun: UIMessage, chunks: readonly Chunk[]): Promise<Folded> {
  const folded: Folded = { message: begun, hasChanged: false, fault: undefined };
  const stream = new ReadableStream<Chunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const onError = (error: unknown) => {
    folded.fault ??= error;
  };
  // It works on the message that it is given, also where that does not show.
  const message = { ...begun, parts: [...begun.parts] };
  const states = readUIMessageStream({ message, stream, onError, terminateOnError: false });
  for await (const state of states) {
    folded.message = state;
    folded.hasChanged = true;
  }
  return folded;
}
