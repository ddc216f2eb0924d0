import type { UIMessage } from 'ai';
import type { Chunk } from '../chunks/chunk.ts';
import { foldChunks } from '../chunks/fold.ts';
import { partingChunks, type SealReason, sealingChunks } from '../chunks/seal.ts';

/** How a log ends, and the message that it then folds to. */
export interface Ending {
  chunks: Chunk[];
  message: UIMessage;
}

/**
 * What is to be appended to a log to end it: the rows that close its open parts, and the final one (L6). The message
 * is the fold of all of it, so that it is what every reader has seen (L5).
 */
export async function makeEnding(
  log: readonly Chunk[],
  messageId: string,
  end: { final: Chunk; reason: SealReason },
): Promise<Ending> {
  const sealed = sealingChunks(log, end.reason);
  const parting = end.final.type === 'abort' ? partingChunks(log) : [];
  const chunks = [...sealed, ...parting, end.final];
  return { chunks, message: await foldChunks([...log, ...chunks], messageId) };
}
