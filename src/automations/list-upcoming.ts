import type { Executor } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import { databaseNow } from './database-now.ts';
import { getAutomation } from './get-automation.ts';
import { nextDues } from './schedule.ts';

/** When an automation is due next; never, while it is paused or if it has no schedule. @throws Problem not-found */
export async function listUpcoming(db: Executor, scope: Scope, id: string, count: number): Promise<Date[]> {
  const { enabled, trigger } = await getAutomation(db, scope, id);
  if (!enabled || trigger.type !== 'schedule') return [];
  return nextDues(trigger, await databaseNow(db), count);
}
