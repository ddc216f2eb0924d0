import type { Chunk } from './chunk.ts';

/**
 * Joins neighbouring deltas of one text, reasoning or tool input into one chunk; keeps the order and the last
 * provider metadata. Done before numbering only: what has a seq never changes (L1).
 */
export function coalesce(chunks: readonly Chunk[]): Chunk[] {
  const joined: Chunk[] = [];
  for (const chunk of chunks) {
    const previous = joined.at(-1);
    const both = previous === undefined ? undefined : join(previous, chunk);
    if (both === undefined) joined.push(chunk);
    else joined[joined.length - 1] = both;
  }
  return joined;
}

function join(a: Chunk, b: Chunk): Chunk | undefined {
  if (a.type === 'text-delta' && b.type === 'text-delta' && a.id === b.id) {
    return { ...a, ...b, delta: a.delta + b.delta };
  }
  if (a.type === 'reasoning-delta' && b.type === 'reasoning-delta' && a.id === b.id) {
    return { ...a, ...b, delta: a.delta + b.delta };
  }
  if (a.type === 'tool-input-delta' && b.type === 'tool-input-delta' && a.toolCallId === b.toolCallId) {
    return { ...a, ...b, inputTextDelta: a.inputTextDelta + b.inputTextDelta };
  }
  return undefined;
}
