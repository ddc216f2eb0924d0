import type { Database } from '../../db/database.ts';
import { isTransient } from '../../db/errors.ts';
import type { Scope } from '../../db/scope.ts';
import { readLogHead } from '../../executions/log-head.ts';
import { REASONS_FOR_PEOPLE } from '../../executions/view.ts';

/** Whether the execution waits for a person and its log ends at `cursor`. Nothing is known while Postgres is away. */
export async function waitsForPerson(
  db: Database,
  scope: Scope,
  executionId: string,
  cursor: number,
): Promise<boolean> {
  try {
    const { suspendedReason, lastSeq } = await readLogHead(db.orm, scope, executionId);
    return suspendedReason !== null && REASONS_FOR_PEOPLE.has(suspendedReason) && lastSeq === cursor;
  } catch (error) {
    if (!isTransient(error)) throw error;
    return false;
  }
}
