import { and, asc, eq, inArray } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import type { Transaction } from '../db/database.ts';
import { automations, firings, workflowExecutions } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { executionNotFound } from '../executions/get-execution.ts';
import { accountForEnded } from './account-for.ts';
import { databaseNow } from './database-now.ts';
import { type FireDeps, type Fired, fire } from './fire.ts';
import { matches } from './matches.ts';
import type { AutomationRow } from './view.ts';

/** Something that happened, as somebody tells it. */
export interface RaisedEvent {
  name: string;
  payload: unknown;
  /** The same event told again fires nothing again. */
  id: string;
  /** The execution that tells it, if one does. */
  executionId?: string | undefined;
}

/**
 * Fires all automations of the caller that wait for such an event. They are held before the first of them fires, in
 * the order of their ids, so that two events do not wait for each other.
 * @throws Problem not-found when there is no such execution
 */
export async function raiseEvent(
  tx: Transaction,
  deps: FireDeps,
  scope: Scope,
  event: RaisedEvent,
): Promise<Fired[]> {
  const depth = event.executionId === undefined ? 0 : (await depthOf(tx, scope, event.executionId)) + 1;
  const { id: key, payload } = event;
  const scheduledFor = await databaseNow(tx);
  const occurrence = { cause: 'event', key, scheduledFor, payload, depth, by: actorIn(scope) } as const;
  const fired: Fired[] = [];
  for (const held of await holdWaiting(tx, scope, event)) {
    const automation = await accountForEnded(tx, deps, held);
    if (!automation.enabled) continue;
    fired.push(await fire(tx, deps, automation, occurrence));
  }
  return fired;
}

/** How many firings led to an execution, each by an event of the one before. */
async function depthOf(tx: Transaction, scope: Scope, executionId: string): Promise<number> {
  const [execution] = await tx
    .select({ depth: firings.depth })
    .from(workflowExecutions)
    .leftJoin(firings, eq(firings.id, workflowExecutions.firingId))
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, executionId)));
  if (execution === undefined) throw executionNotFound(executionId);
  return execution.depth ?? 0;
}

async function holdWaiting(
  tx: Transaction,
  scope: Scope,
  { name, payload }: RaisedEvent,
): Promise<AutomationRow[]> {
  const { id, trigger, enabled, eventName } = automations;
  const isWaiting = and(within(automations, scope), eq(eventName, name), eq(enabled, true));
  const waiting = await tx.select({ id, trigger }).from(automations).where(isWaiting);
  const ids = waiting.filter((automation) => isMet(automation, payload)).map((automation) => automation.id);
  if (ids.length === 0) return [];
  const held = await tx
    .select()
    .from(automations)
    .where(and(inArray(id, ids), isWaiting))
    .orderBy(asc(id))
    .for('no key update');
  // What it waits for may have been changed until it was held.
  return held.filter((automation) => isMet(automation, payload));
}

function isMet({ trigger }: Pick<AutomationRow, 'trigger'>, payload: unknown): boolean {
  return trigger.type === 'event' && (trigger.match === undefined || matches(trigger.match, payload));
}
