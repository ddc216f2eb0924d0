import { and, eq, sql } from 'drizzle-orm';
import { actorIn } from '../audit/actor.ts';
import { recordAudit, threadIdOf } from '../audit/record-audit.ts';
import type { Transaction } from '../db/database.ts';
import { notifications } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { notificationNotFound } from './get-notification.ts';
import { type Notification, toNotification } from './view.ts';

/**
 * Has a notification sent again, with the same id and body, and with all of its tries; one that is pending still is
 * sent now instead of later. A try that is under way goes on.
 * @throws Problem not-found
 */
export async function resendNotification(tx: Transaction, scope: Scope, id: string): Promise<Notification> {
  const [row] = await tx
    .update(notifications)
    .set({ status: 'pending', failures: 0, nextAttemptAt: sql`clock_timestamp()`, endedAt: null })
    .where(and(within(notifications, scope), eq(notifications.id, id)))
    .returning();
  if (row === undefined) throw notificationNotFound(id);
  const { tenantId, ownerId, executionId, type } = row;
  await recordAudit(tx, actorIn(scope), {
    action: 'notification.resent',
    tenantId,
    ownerId,
    subjectId: id,
    executionId,
    threadId: threadIdOf(executionId),
    details: { type },
  });
  return toNotification(row);
}
