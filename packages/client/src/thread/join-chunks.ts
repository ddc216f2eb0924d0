import type { UIMessageChunk } from 'ai';

/** Adds a chunk to a log, in memory: deltas of the same part become one, which folds to the same message. */
export function joinChunk(log: UIMessageChunk[], chunk: UIMessageChunk): void {
  const joined = join(log.at(-1), chunk);
  if (joined === undefined) log.push(chunk);
  else log[log.length - 1] = joined;
}

function join(last: UIMessageChunk | undefined, next: UIMessageChunk): UIMessageChunk | undefined {
  if (last?.type === 'tool-input-delta') {
    if (next.type !== last.type || next.toolCallId !== last.toolCallId) return undefined;
    return { ...next, inputTextDelta: last.inputTextDelta + next.inputTextDelta };
  }
  if (last?.type !== 'text-delta' && last?.type !== 'reasoning-delta') return undefined;
  if (next.type !== last.type || next.id !== last.id) return undefined;
  return { ...last, ...next, delta: last.delta + next.delta };
}
