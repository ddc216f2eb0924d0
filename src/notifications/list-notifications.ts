import { and, desc, eq, getTableColumns, inArray, type SQL } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, microsOf, type Page, type PageCursor, paginate } from '../db/page.ts';
import { notifications } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import type { NotificationStatus, NotificationType } from './status.ts';
import { type Notification, toNotification } from './view.ts';

export interface NotificationFilter {
  status?: readonly NotificationStatus[] | undefined;
  type?: readonly NotificationType[] | undefined;
  executionId?: string | undefined;
  approvalId?: string | undefined;
}

/** Notifications, newest first, without what they say. */
export async function listNotifications(
  db: Executor,
  scope: Scope,
  filter: NotificationFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Notification>> {
  const { body: _, ...columns } = getTableColumns(notifications);
  const selected = await db
    .select({ ...columns, createdAtMicros: microsOf(notifications.createdAt) })
    .from(notifications)
    .where(and(...conditions(scope, filter), afterCursor(notifications, page.cursor)))
    .orderBy(desc(notifications.createdAt), desc(notifications.id))
    .limit(page.limit + 1);
  return paginate(selected, page.limit, toNotification, ({ id, createdAtMicros }) => ({
    micros: Number(createdAtMicros),
    id,
  }));
}

function conditions(scope: Scope, filter: NotificationFilter): (SQL | undefined)[] {
  const t = notifications;
  return [
    within(t, scope),
    filter.status && inArray(t.status, [...filter.status]),
    filter.type && inArray(t.type, [...filter.type]),
    filter.executionId === undefined ? undefined : eq(t.executionId, filter.executionId),
    filter.approvalId === undefined ? undefined : eq(t.approvalId, filter.approvalId),
  ];
}
