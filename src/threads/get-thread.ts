import type { Executor } from '../db/database.ts';
import { isThread, type Scope } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { selectThreads, type Thread, toThread } from './view.ts';

/** @throws Problem not-found */
export async function getThread(db: Executor, scope: Scope, id: string): Promise<Thread> {
  const [selected] = await selectThreads(db, isThread(scope, id));
  if (selected === undefined) throw threadNotFound(id);
  return toThread(selected);
}

/** The same answer whether the thread does not exist or may not be seen. */
export function threadNotFound(id: string): Problem {
  return new Problem('not-found', `There is no thread ${id}`);
}
