import { isDeepStrictEqual } from 'node:util';
import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import type { Evidence } from './evidence.ts';
import type { Reader } from './reader.ts';

/** Something that was promised, and whether it held. */
export interface Proof {
  readonly claim: string;
  readonly holds: boolean;
  /** What was found, when it did not. */
  readonly found?: unknown;
}

const FINAL = new Set(['finish', 'abort', 'error']);

/** Holds the log, and what the reader got of it, against what is promised of every log. */
export async function proveLog({ log, fromStart, messages }: Evidence, reader: Reader): Promise<Proof[]> {
  const seqs = log.map((row) => row.seq);
  const attempts = [...new Set(log.map((row) => row.attempt))];
  const finals = log.filter((row) => FINAL.has(row.chunk.type)).map((row) => row.seq);
  const folded = await fold(log.map((row) => row.chunk));
  const answers = messages.filter((message) => message.role === 'assistant');
  return [
    holds(
      `the log has seq 1 to ${seqs.length} without a gap, written by attempts ${attempts.join(', ')}`,
      isCounted(seqs),
      seqs,
    ),
    holds(
      `the reader got each of them exactly once, in order, over ${reader.connections} connections`,
      isDeepStrictEqual(
        reader.rows.map((row) => row.seq),
        seqs,
      ),
      reader.rows.map((row) => row.seq),
    ),
    holds(
      'byte for byte what a reader gets who comes now and reads from the start',
      isDeepStrictEqual(reader.rows, fromStart),
    ),
    holds('exactly one final row, and it is the last', isDeepStrictEqual(finals, [seqs.length]), finals),
    holds(
      'the log folds (readUIMessageStream of the AI SDK) to exactly the one message that is stored',
      answers.length === 1 && isSame(folded, answers[0]),
      { folded, answers },
    ),
  ];
}

export function holds(claim: string, isSo: boolean, found?: unknown): Proof {
  return { claim, holds: isSo, found };
}

/** The message that stock AI SDK code makes of the rows. */
async function fold(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  let message: UIMessage | undefined;
  for await (const state of readUIMessageStream({ stream, terminateOnError: true })) message = state;
  return message;
}

/** The server adds to the metadata what it knows of the message. */
function isSame(folded: UIMessage | undefined, stored: UIMessage | undefined): boolean {
  const plain = (message: UIMessage | undefined): unknown =>
    message &&
    (JSON.parse(JSON.stringify({ id: message.id, role: message.role, parts: message.parts })) as unknown);
  return folded !== undefined && isDeepStrictEqual(plain(folded), plain(stored));
}

function isCounted(seqs: readonly number[]): boolean {
  return seqs.length > 0 && seqs.every((seq, i) => seq === i + 1);
}
