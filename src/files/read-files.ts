import { and, eq } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { messageFiles } from '../db/schema.ts';
import type { FetchedFiles } from './fetch-files.ts';

/** The stored files of a message. */
export async function readFiles(db: Executor, threadNo: number, messageId: string): Promise<FetchedFiles> {
  const { url, mediaType, content } = messageFiles;
  const rows = await db
    .select({ url, mediaType, content })
    .from(messageFiles)
    .where(and(eq(messageFiles.threadNo, threadNo), eq(messageFiles.messageId, messageId)));
  return new Map(rows.map((row) => [row.url, { mediaType: row.mediaType, content: row.content }]));
}
