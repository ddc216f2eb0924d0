import { eq } from 'drizzle-orm';
import type { Transaction } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { holdAutomation } from './get-automation.ts';

/** Removes an automation and its firings; executions that it has started go on. @throws Problem not-found */
export async function deleteAutomation(tx: Transaction, scope: Scope, id: string): Promise<void> {
  await holdAutomation(tx, scope, id);
  await tx.delete(automations).where(eq(automations.id, id));
}
