import type { automations } from '../db/schema.ts';
import { nextDue } from './schedule.ts';
import type { AutomationSettings } from './settings.ts';

type Columns = Omit<
  typeof automations.$inferSelect,
  | 'id'
  | 'tenantId'
  | 'ownerId'
  | 'failuresInRow'
  | 'createdAt'
  | 'updatedAt'
  | 'pausedReason'
  | 'trigger'
  | 'sealedSecret'
>;

/** The columns of an automation with these settings but its trigger, whose schedule counts from `now` on. */
export function settingsColumns(settings: AutomationSettings, now: Date): Columns {
  const { name, agentId, input, threadMode, trigger, enabled, concurrency, ...rest } = settings;
  const { catchUp, maxAttempts, approvalPolicy, pauseAfterFailures } = rest;
  return {
    name,
    agentId,
    input,
    threadMode,
    triggerType: trigger.type,
    eventName: trigger.type === 'event' ? trigger.name : null,
    enabled,
    maxConcurrent: concurrency.max,
    onBusy: concurrency.onBusy,
    catchUp,
    maxAttempts,
    approvalPolicy,
    pauseAfterFailures,
    nextDueAt: nextDueAt(settings, now),
  };
}

/** When an automation is due next; null if it is paused, or has no schedule. */
export function nextDueAt(
  { enabled, trigger }: Pick<AutomationSettings, 'enabled' | 'trigger'>,
  now: Date,
): Date | null {
  return enabled && trigger.type === 'schedule' ? (nextDue(trigger, now) ?? null) : null;
}
