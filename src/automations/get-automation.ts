import { and, eq, type SQL } from 'drizzle-orm';
import type { Executor, Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { type Automation, type AutomationRow, toAutomation } from './view.ts';

/** @throws Problem not-found */
export async function getAutomation(db: Executor, scope: Scope, id: string): Promise<Automation> {
  const [row] = await db.select().from(automations).where(isAutomation(scope, id));
  if (row === undefined) throw automationNotFound(id);
  return toAutomation(row);
}

/**
 * Takes the automation's row. All that fires, changes or takes note of one comes one after another; the row comes
 * before any thread or execution.
 * @throws Problem not-found
 */
export async function holdAutomation(tx: Transaction, scope: Scope, id: string): Promise<AutomationRow> {
  const [row] = await tx.select().from(automations).where(isAutomation(scope, id)).for('no key update');
  if (row === undefined) throw automationNotFound(id);
  return row;
}

function isAutomation(scope: Scope, id: string): SQL {
  return and(within(automations, scope), eq(automations.id, id)) as SQL;
}

/** The same answer whether the automation does not exist or may not be seen. */
export function automationNotFound(id: string): Problem {
  return new Problem('not-found', `There is no automation ${id}`);
}
