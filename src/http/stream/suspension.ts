import type { Database } from '../../db/database.ts';
import { isTransient } from '../../db/errors.ts';
import type { Scope } from '../../db/scope.ts';
import { readLogHead } from '../../executions/log-head.ts';

/** Reasons for which a person has to act before the stream goes on. */
const REASONS = new Set(['approval', 'question', 'unknown-outcome', 'budget']);

/** Whether the execution waits for a person and its log ends at `cursor`. Nothing is known while Postgres is away. */
export async function waitsForPerson(
  db: Database,
  scope: Scope,
  executionId: string,
  cursor: number,
): Promise<boolean> {
  try {
    const { suspendedReason, lastSeq } = await readLogHead(db.orm, scope, executionId);
    return suspendedReason !== null && REASONS.has(suspendedReason) && lastSeq === cursor;
  } catch (error) {
    if (!isTransient(error)) throw error;
    return false;
  }
}
