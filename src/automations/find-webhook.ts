import { and, eq } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { automations } from '../db/schema.ts';
import { automationNotFound } from './get-automation.ts';
import type { AutomationRow } from './view.ts';
import type { WebhookTrigger } from './webhook-trigger.ts';

/** An automation that a webhook sets off. */
export type Webhook = AutomationRow & { trigger: WebhookTrigger };

/** Whoever knows its address may ask for it: who they are, their signature has to say. @throws Problem not-found */
export async function findWebhook(db: Executor, id: string): Promise<Webhook> {
  const [row] = await db
    .select()
    .from(automations)
    .where(and(eq(automations.id, id), eq(automations.triggerType, 'webhook')));
  if (row === undefined) throw automationNotFound(id);
  return row as Webhook;
}

/** Takes the webhook's row, as it is by now. @throws Problem not-found */
export async function holdWebhook(tx: Executor, id: string): Promise<Webhook> {
  const [row] = await tx
    .select()
    .from(automations)
    .where(and(eq(automations.id, id), eq(automations.triggerType, 'webhook')))
    .for('no key update');
  if (row === undefined) throw automationNotFound(id);
  return row as Webhook;
}
