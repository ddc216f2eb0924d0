import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import { accountForEnded } from './account-for.ts';
import { databaseNow } from './database-now.ts';
import { type FireDeps, type Fired, fire } from './fire.ts';
import { holdAutomation } from './get-automation.ts';

/** Fires an automation because somebody asks for it, also a paused one. @throws Problem not-found */
export async function fireOnRequest(
  tx: Transaction,
  deps: FireDeps,
  scope: Scope,
  id: string,
  payload: unknown,
): Promise<Fired> {
  const automation = await accountForEnded(tx, deps, await holdAutomation(tx, scope, id));
  return fire(tx, deps, automation, { cause: 'request', scheduledFor: await databaseNow(tx), payload });
}
