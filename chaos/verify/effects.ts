import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Something that a tool did to the world. */
export interface Effect {
  tool: string;
  toolCallId: string;
  input: unknown;
  attempt: number;
  /** When, in real milliseconds since 1970: the clock of the process may have been off. */
  at: number;
}

interface Line {
  tool: string;
  input: unknown;
  idempotencyKey: string;
  attempt: number;
  at: string;
}

/** The effects of all servers, by execution. @throws SyntaxError for a torn line, which no append may leave */
export async function readEffects(
  servers: readonly { options: { dataDir: string; skewMs: number } }[],
): Promise<Map<string, Effect[]>> {
  const effects = new Map<string, Effect[]>();
  for (const { options } of servers) {
    const text = await readFile(join(options.dataDir, 'effects.jsonl'), 'utf8').catch(() => '');
    for (const line of text.split('\n').filter((one) => one !== '')) {
      const { tool, input, idempotencyKey, attempt, at } = JSON.parse(line) as Line;
      const [executionId, toolCallId] = splitOnce(idempotencyKey, ':');
      const list = effects.get(executionId) ?? [];
      list.push({ tool, toolCallId, input, attempt, at: Date.parse(at) - options.skewMs });
      effects.set(executionId, list);
    }
  }
  return effects;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}
