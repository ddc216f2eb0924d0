import { and, eq, type SQL } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { workflowExecutions } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { type Execution, selectExecutions, toExecution } from './view.ts';

/** @throws Problem not-found */
export async function getExecution(db: Executor, scope: Scope, id: string): Promise<Execution> {
  const where = and(within(workflowExecutions, scope), eq(workflowExecutions.id, id)) as SQL;
  const [selected] = await selectExecutions(db, where);
  if (selected === undefined) throw executionNotFound(id);
  return toExecution(selected);
}

/** The same answer whether the execution does not exist or may not be seen. */
export function executionNotFound(id: string): Problem {
  return new Problem('not-found', `There is no execution ${id}`);
}
