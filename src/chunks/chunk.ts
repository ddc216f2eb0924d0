import { type UIMessageChunk, uiMessageChunkSchema } from 'ai';

/** One AI SDK UI message chunk, as it is logged and as clients get it. */
export type Chunk = UIMessageChunk;

/** A chunk that the log refuses: stock clients would lose the rest of their stream on it. */
export class InvalidChunk extends Error {
  override readonly name = 'InvalidChunk';
}

const DELTA_KEYS = new Set(['type', 'id', 'delta']);
const validator = uiMessageChunkSchema();

/**
 * The bytes of a chunk: made once, stored, and delivered as they are, from memory or table. `type` comes first,
 * which `isFinal` relies on; JSON holds no raw newline, which joins neighbours in a row.
 */
export function serializeChunk(chunk: Chunk): string {
  const { type, ...rest } = chunk;
  return JSON.stringify({ type, ...rest });
}

/** True for the last row of a log (L6): `finish`, `abort` or `error`. */
export function isFinal(serialized: string): boolean {
  return /^\{"type":"(?:finish|abort|error)"[,}]/.test(serialized);
}

/**
 * Gives the chunk back as a client will see it: after JSON, which drops `undefined`, and checked against the
 * schema of the AI SDK.
 * @throws InvalidChunk
 */
export async function validateChunk(chunk: Chunk): Promise<Chunk> {
  if (isPlainDelta(chunk)) return chunk;
  const asSent: unknown = JSON.parse(serializeChunk(chunk));
  const result = await validator.validate?.(asSent);
  if (result?.success !== true) {
    throw new InvalidChunk(`Not a UI message chunk: ${chunk.type}`, { cause: result?.error });
  }
  return asSent as Chunk;
}

/** The shortcut for nearly all chunks of a stream: a full check costs some 20 µs each. */
function isPlainDelta(chunk: Chunk): boolean {
  return (
    (chunk.type === 'text-delta' || chunk.type === 'reasoning-delta') &&
    typeof chunk.id === 'string' &&
    typeof chunk.delta === 'string' &&
    Object.keys(chunk).every((key) => DELTA_KEYS.has(key))
  );
}
