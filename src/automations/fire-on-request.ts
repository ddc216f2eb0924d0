import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import type { Scope } from '../db/scope.ts';
import { accountForEnded } from './account-for.ts';
import { databaseNow } from './database-now.ts';
import { type FireDeps, type Fired, fire } from './fire.ts';
import { holdAutomation } from './get-automation.ts';

/**
 * Fires an automation because somebody asks for it, also a paused one.
 * @param key of the request, chosen before the first try: one whose commit was not heard of is known again
 * @throws Problem not-found, template-failed
 */
export async function fireOnRequest(
  tx: Transaction,
  deps: FireDeps,
  scope: Scope,
  id: string,
  { key, payload }: { key: string; payload: unknown },
): Promise<Fired> {
  const automation = await accountForEnded(tx, deps, await holdAutomation(tx, scope, id));
  const scheduledFor = await databaseNow(tx);
  const by = actorIn(scope);
  return fire(tx, deps, automation, { cause: 'request', key, scheduledFor, payload, isAsked: true, by });
}
