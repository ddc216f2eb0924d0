import { uuidv7 } from 'uuidv7';
import type { Transaction } from '../db/database.ts';
import { threads } from '../db/schema.ts';
import { owned, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { auditThread } from './audit-thread.ts';
import { getThread } from './get-thread.ts';
import type { Thread } from './view.ts';

export interface NewThread {
  /** Made up if absent. */
  id?: string | undefined;
  title?: string | null | undefined;
  /** The agent that answers messages which name none. */
  agentId?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Makes a thread that has no message yet. @throws Problem thread-exists */
export async function createThread(tx: Transaction, scope: Scope, request: NewThread): Promise<Thread> {
  const { id = uuidv7(), title = null, agentId = null, metadata = {} } = request;
  const inserted = await tx
    .insert(threads)
    .values({ ...owned(scope), id, title, agentId, metadata })
    .onConflictDoNothing()
    .returning({ no: threads.no });
  if (inserted.length === 0) throw new Problem('thread-exists', `You already have a thread ${id}`);
  await auditThread(tx, scope, { ...owned(scope), id }, { action: 'thread.created' });
  return getThread(tx, scope, id);
}
