import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from 'outlast';

/**
 * What the example tools do to the world: each effect is one line of a file, so that it can be counted. One
 * append writes it, so that processes that write at the same time do not tear each other's lines.
 */
export async function recordEffect(tool: string, input: object, context: ToolContext): Promise<void> {
  const dir = process.env.OUTLAST_DATA_DIR ?? '.outlast';
  const { idempotencyKey, attempt } = context;
  const effect = { tool, input, idempotencyKey, attempt, at: new Date().toISOString() };
  await mkdir(dir, { recursive: true });
  await appendFile(join(dir, 'effects.jsonl'), `${JSON.stringify(effect)}\n`);
}
