import type { Executor } from '../db/database.ts';
import { threads } from '../db/schema.ts';
import { isThread, type Scope } from '../db/scope.ts';
import { threadNotFound } from './get-thread.ts';

/** @throws Problem not-found */
export async function findThreadNo(db: Executor, scope: Scope, id: string): Promise<number> {
  const [thread] = await db.select({ no: threads.no }).from(threads).where(isThread(scope, id));
  if (thread === undefined) throw threadNotFound(id);
  return thread.no;
}
