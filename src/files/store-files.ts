import type { Transaction } from '../db/database.ts';
import { messageFiles } from '../db/schema.ts';
import type { FetchedFiles } from './fetch-files.ts';
import { remoteFilesOf } from './remote-files.ts';

/** A message is to be stored whose files have not been fetched: nobody waits for another server in a transaction. */
export class FilesMissing extends Error {
  override readonly name = 'FilesMissing';
}

/** Stores what was fetched for a message, with the message. @throws FilesMissing */
export async function storeFiles(
  tx: Transaction,
  message: { threadNo: number; tenantId: string; id: string; parts: readonly unknown[] },
  files: FetchedFiles,
): Promise<void> {
  const addresses = new Set(remoteFilesOf(message.parts).map(({ url }) => url.href));
  if ([...addresses].some((url) => !files.has(url))) throw new FilesMissing('The files were not fetched');
  const { threadNo, tenantId, id: messageId } = message;
  let no = 0;
  // Each by itself: together they could be more than one statement should carry.
  for (const [url, { mediaType, content }] of files) {
    no += 1;
    await tx.insert(messageFiles).values({ threadNo, messageId, no, tenantId, url, mediaType, content });
  }
}
