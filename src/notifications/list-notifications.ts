import { and, desc, eq, getTableColumns, inArray, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { type Page, type PageCursor, paginate } from '../db/page.ts';
import { notifications } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import type { NotificationStatus, NotificationType } from './status.ts';
import { createdAtMicros, type Notification, toNotification } from './view.ts';

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
    .select({ ...columns, createdAtMicros })
    .from(notifications)
    .where(and(...conditions(scope, filter), afterCursor(page.cursor)))
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

function afterCursor(cursor: PageCursor | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const { createdAt, id } = notifications;
  return sql`(${createdAt}, ${id}) < (
    'epoch'::timestamptz + ${cursor.micros}::bigint * interval '1 microsecond', ${cursor.id}::uuid)`;
}
