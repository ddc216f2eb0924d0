import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { threads } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { auditThread } from './audit-thread.ts';
import { threadNotFound } from './get-thread.ts';
import { holdThreadById } from './hold-thread.ts';
import { mergePatch } from './merge-patch.ts';

export interface ThreadPatch {
  /** Null: none any more. */
  title?: string | null | undefined;
  /** A merge patch. */
  metadata?: Record<string, unknown> | undefined;
}

/**
 * Changes what the patch names. Two at once come one after the other, so that neither is lost.
 * @param check throws when the metadata that comes out cannot be kept
 * @throws Problem not-found
 */
export async function updateThread(
  tx: Transaction,
  scope: Scope,
  id: string,
  patch: ThreadPatch,
  check: (metadata: unknown) => void,
): Promise<void> {
  const thread = await holdThreadById(tx, scope, id);
  if (thread === undefined) throw threadNotFound(id);
  const metadata = patch.metadata === undefined ? undefined : mergePatch(thread.metadata, patch.metadata);
  if (metadata !== undefined) check(metadata);
  await tx
    .update(threads)
    .set({
      ...(patch.title === undefined ? {} : { title: patch.title }),
      ...(metadata === undefined ? {} : { metadata: metadata as Record<string, unknown> }),
      updatedAt: sql`clock_timestamp()`,
    })
    .where(eq(threads.no, thread.no));
  const changed = Object.keys(patch);
  await auditThread(tx, scope, thread, { action: 'thread.updated', details: { changed } });
}
