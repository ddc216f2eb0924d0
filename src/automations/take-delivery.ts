import { and, eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { type Database, type Transaction, transaction } from '../db/database.ts';
import { FROZEN_OWNER_PATIENCE_MS, whilePatient } from '../db/retry.ts';
import { automations } from '../db/schema.ts';
import { Problem } from '../problems/problem.ts';
import { accountForEnded } from './account-for.ts';
import { databaseNow } from './database-now.ts';
import { type FireDeps, type Fired, fire } from './fire.ts';
import { automationNotFound } from './get-automation.ts';
import type { AutomationRow } from './view.ts';

/** A request of somebody else's server, as it came. */
export interface Delivery {
  header(name: string): string | undefined;
  /** The bytes that were signed. */
  body: Buffer;
}

/** What a genuine delivery is known by; undefined when its sender does not say. */
export interface Verified {
  deliveryId: string | undefined;
}

/**
 * Says whether a delivery comes from whom the automation's owner trusts, and lately.
 * @returns undefined when it does not
 */
export type VerifySignature = (
  automation: AutomationRow,
  delivery: Delivery,
  now: Date,
) => Promise<Verified | undefined>;

export interface DeliveryDeps extends FireDeps {
  /** Sees all tenants: whose automation it is has to be found out. */
  db: Database;
  databaseOf: (tenantId: string) => Database;
  verifySignature: VerifySignature;
  /** @throws Problem when there are too many for one automation */
  limitRate(automationId: string): Promise<void>;
}

/** A delivery of which nothing but the headers was read. */
export interface OfferedDelivery {
  header(name: string): string | undefined;
  /** @throws Problem body-too-large */
  readBody(): Promise<Buffer>;
  /** @throws Problem malformed-json */
  parseBody(body: Buffer): unknown;
}

/** Of the ids that senders give their deliveries. */
const LONGEST_ID = 256;

/**
 * Takes what somebody else's server delivers to an automation. What a stranger may learn comes last: whether there is
 * such a webhook, the size, the signature, and only then how the automation stands and what the body says. A delivery
 * that comes again, also while the first is under way, gets the same firing. It is durable when this returns.
 * @throws Problem not-found, body-too-large, bad-signature, automation-paused, bad-header, malformed-json,
 *   template-failed, and what `limitRate` throws
 */
export async function takeDelivery(
  deps: DeliveryDeps,
  automationId: string,
  offered: OfferedDelivery,
): Promise<Fired> {
  const automation = await findWebhook(deps.db, automationId);
  const body = await offered.readBody();
  const verified = await deps.verifySignature(
    automation,
    { ...offered, body },
    await databaseNow(deps.db.orm),
  );
  if (verified === undefined)
    throw new Problem('bad-signature', 'The signature is wrong, missing or too old');
  if (!automation.enabled) throw paused(automationId);
  await deps.limitRate(automationId);
  const key = checkId(verified.deliveryId) ?? uuidv7();
  const payload = offered.parseBody(body);
  const fired = await whilePatient(FROZEN_OWNER_PATIENCE_MS, () =>
    transaction(deps.databaseOf(automation.tenantId), (tx) =>
      fireDelivery(tx, deps, automationId, { key, payload }),
    ),
  );
  fired.launch();
  return fired;
}

async function findWebhook({ orm }: Database, id: string): Promise<AutomationRow> {
  const [automation] = await orm.select().from(automations).where(isWebhook(id));
  if (automation === undefined) throw automationNotFound(id);
  return automation;
}

/** What was found before may have changed until the row is held. */
async function fireDelivery(
  tx: Transaction,
  deps: DeliveryDeps,
  id: string,
  { key, payload }: { key: string; payload: unknown },
): Promise<Fired> {
  const [held] = await tx.select().from(automations).where(isWebhook(id)).for('no key update');
  if (held === undefined) throw automationNotFound(id);
  const automation = await accountForEnded(tx, deps, held);
  if (!automation.enabled) throw paused(id);
  const scheduledFor = await databaseNow(tx);
  const fired = await fire(tx, deps, automation, { cause: 'webhook', key, scheduledFor, payload });
  // The sender is told, and may send it again once it is mended: so it is not kept.
  if (fired.firing.reason === 'template')
    throw new Problem('template-failed', 'The payload lacks what the input of the automation asks for');
  return fired;
}

function isWebhook(id: string) {
  return and(eq(automations.id, id), eq(automations.triggerType, 'webhook'));
}

function checkId(id: string | undefined): string | undefined {
  if (id === undefined || (id !== '' && id.length <= LONGEST_ID && !/[\0\p{Surrogate}]/u.test(id))) return id;
  throw new Problem('bad-header', `The id of the delivery must have 1 to ${LONGEST_ID} characters`);
}

function paused(id: string): Problem {
  return new Problem('automation-paused', `Automation ${id} is paused`);
}
