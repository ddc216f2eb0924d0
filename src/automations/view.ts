import { z } from 'zod';
import type { automations, firings } from '../db/schema.ts';
import { FIRING_STATUSES } from './firing-status.ts';
import { type AutomationSettings, automationSettingsSchema } from './settings.ts';

const time = z.iso.datetime();
const { threadMode, enabled, catchUp, maxAttempts, approvalPolicy, pauseAfterFailures, ...settings } =
  automationSettingsSchema.shape;

/** An automation as clients see it. */
export const automationSchema = z
  .object({
    id: z.uuid(),
    ...settings,
    // What has a default is always there.
    threadMode: threadMode.unwrap(),
    enabled: enabled.unwrap(),
    concurrency: z.object({ max: z.int(), onBusy: z.enum(['skip', 'enqueue']) }),
    catchUp: catchUp.unwrap(),
    maxAttempts: maxAttempts.unwrap(),
    approvalPolicy: approvalPolicy.unwrap(),
    pauseAfterFailures: pauseAfterFailures.unwrap(),
    pausedReason: z.enum(['request', 'failures']).nullable().meta({
      description: 'Why it is not enabled: somebody wanted it so, or too many firings in a row had failed.',
    }),
    failuresInRow: z.int().min(0),
    nextDueAt: time.nullable().meta({ description: 'The next due time of its schedule.' }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Automation', description: 'What starts executions by itself.' });

/** A firing as clients see it. */
export const firingSchema = z
  .object({
    id: z.uuid(),
    automationId: z.uuid(),
    key: z.string().meta({
      description:
        'What it is known by: its due time, the id of the event, or one of its own if somebody asked for it.',
    }),
    scheduledFor: time.meta({ description: 'When it was due, or came; of several, when the first was due.' }),
    status: z.enum(FIRING_STATUSES),
    reason: z.string().nullable(),
    count: z.int().min(1).meta({ description: 'Due times that it stands for.' }),
    executionId: z.uuid().nullable().meta({ description: 'Of the latest attempt.' }),
    createdAt: time,
  })
  .meta({ id: 'Firing', description: 'One occurrence of an automation, and what came of it.' });

export type Automation = z.output<typeof automationSchema>;
export type Firing = z.output<typeof firingSchema>;
export type AutomationRow = typeof automations.$inferSelect;
export type FiringRow = typeof firings.$inferSelect;

/** What its owner has decided about an automation. */
export function settingsOf(row: AutomationRow): AutomationSettings {
  return {
    name: row.name,
    agentId: row.agentId,
    input: row.input,
    threadMode: row.threadMode,
    trigger: row.trigger,
    enabled: row.enabled,
    concurrency: { max: row.maxConcurrent, onBusy: row.onBusy },
    catchUp: row.catchUp,
    maxAttempts: row.maxAttempts,
    approvalPolicy: row.approvalPolicy,
    pauseAfterFailures: row.pauseAfterFailures,
  };
}

/** The JSON of an automation from its row. */
export function toAutomation(row: AutomationRow): Automation {
  return {
    id: row.id,
    ...settingsOf(row),
    pausedReason: row.pausedReason,
    failuresInRow: row.failuresInRow,
    nextDueAt: row.nextDueAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The JSON of a firing from its row. */
export function toFiring(row: FiringRow): Firing {
  const { id, automationId, key, status, reason, count, executionId } = row;
  const scheduledFor = row.scheduledFor.toISOString();
  return {
    id,
    automationId,
    key,
    scheduledFor,
    status,
    reason,
    count,
    executionId,
    createdAt: row.createdAt.toISOString(),
  };
}
