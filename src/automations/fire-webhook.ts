import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from '../db/database.ts';
import { accountForEnded } from './account-for.ts';
import { admitWebhook, refusePaused } from './admit-webhook.ts';
import { databaseNow } from './database-now.ts';
import { deliveryId } from './delivery-id.ts';
import { holdWebhook, type Webhook } from './find-webhook.ts';
import { type FireDeps, type Fired, fire } from './fire.ts';
import type { SecretDeps } from './trigger-secret.ts';
import type { SignedRequest } from './verify-signature.ts';

/** A request that was let in, and what it says. */
export interface Delivery extends SignedRequest {
  /** The bytes that its signature stands for. */
  covered: Buffer | undefined;
  payload: unknown;
  /** Chosen before the first try to take it: one whose commit was not heard of is known again. */
  requestId: string;
}

/**
 * Fires for a delivery, once for all that are the same. What was looked at to let it in may have been changed since:
 * then it is looked at again, now that nobody can change it.
 * @throws Problem not-found, template-failed, and as `admitWebhook`
 */
export async function fireWebhook(
  tx: Transaction,
  deps: FireDeps & SecretDeps,
  webhook: Webhook,
  delivery: Delivery,
): Promise<Fired> {
  const held = await holdWebhook(tx, webhook.id);
  const covered = isSame(held, webhook) ? delivery.covered : admitWebhook(deps, held, delivery);
  const { headers, payload, requestId } = delivery;
  const key = deliveryId(held.trigger, headers, payload, covered, requestId);
  const automation = await accountForEnded(tx, deps, held);
  refusePaused(automation);
  const scheduledFor = await databaseNow(tx);
  return fire(tx, deps, automation, { cause: 'webhook', key, scheduledFor, payload, isAsked: true });
}

function isSame(held: Webhook, seen: Webhook): boolean {
  return (
    held.enabled === seen.enabled &&
    held.sealedSecret === seen.sealedSecret &&
    isDeepStrictEqual(held.trigger, seen.trigger)
  );
}
