import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';

/** Copies the files of messages that were copied from one thread into another, under the ids that they have there. */
export async function copyFiles(tx: Transaction, { from, to }: Record<'from' | 'to', number>): Promise<void> {
  await tx.execute(sql`
    INSERT INTO outlast.message_files (thread_no, message_id, no, tenant_id, url, media_type, content, created_at)
    SELECT m.thread_no, m.id, f.no, m.tenant_id, f.url, f.media_type, f.content, f.created_at
    FROM outlast.message_files f JOIN outlast.messages m ON m.id = f.message_id AND m.thread_no = ${to}
    WHERE f.thread_no = ${from}`);
}
