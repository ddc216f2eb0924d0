import { expect } from '@jest/globals';
import { safeValidateUIMessages, type UIMessage } from 'ai';
import type { Chunk } from '../../src/chunks/chunk.ts';
import { foldChunks } from '../../src/chunks/fold.ts';
import type { Database } from '../../src/db/database.ts';
import { storedRows } from './log-database.ts';

/** Holds the fold of a log to L5 after each of its rows: a reader may be at any of them. @returns the last message */
export async function foldEachRow(db: Database, executionNo: number): Promise<UIMessage> {
  const chunks: Chunk[] = [];
  let message: UIMessage = { id: 'm', role: 'assistant', parts: [] };
  for (const row of await storedRows(db, executionNo)) {
    for (const line of row.chunks.split('\n')) chunks.push(JSON.parse(line) as Chunk);
    message = JSON.parse(JSON.stringify(await foldChunks(chunks, 'm'))) as UIMessage;
    const checked = await safeValidateUIMessages({ messages: [message] });
    expect(checked.success ? undefined : { at: row, why: checked.error.message }).toBeUndefined();
  }
  return message;
}
