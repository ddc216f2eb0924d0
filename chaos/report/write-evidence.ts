import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from './report.ts';

/** Of the pauses that readers had. */
const LONGEST = 20;

/**
 * Keeps what a violation can be understood from: what was found, the faults, and for each execution concerned, or
 * with a long pause, all that is stored and all that was seen. The logs and effects of the servers are in the same folder already.
 */
export async function writeEvidence(
  folder: string,
  { violations, conduct, stored, load, people, pauses }: Result,
): Promise<void> {
  const write = (name: string, value: unknown) =>
    writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  await mkdir(folder, { recursive: true });
  const refusals = [...load.refusals, ...people.refusals];
  await write('violations.json', { violations, misconduct: conduct.misconduct, refusals });
  await write('faults.json', conduct.faults);
  const longest = pauses.toSorted((a, b) => b.ms - a.ms).slice(0, LONGEST);
  await write('pauses.json', longest);
  const concerned = new Set([...violations, ...longest].map(({ executionId }) => executionId));
  for (const { executionId, task, readers } of load.followed) {
    if (!concerned.has(executionId)) continue;
    await write(`execution-${executionId}.json`, {
      task,
      stored: stored.find(({ id }) => id === executionId),
      readers: readers.map(({ rows, refusals, isDone }) => ({ isDone, refusals, rows })),
    });
  }
}
