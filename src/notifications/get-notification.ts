import { and, eq } from 'drizzle-orm';
import type { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { notifications } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { Problem } from '../problems/problem.ts';
import { type notificationDetailsSchema, readDeliveries, toNotification } from './view.ts';

/** @throws Problem not-found */
export async function getNotification(
  db: Executor,
  scope: Scope,
  id: string,
): Promise<z.output<typeof notificationDetailsSchema>> {
  const [row] = await db
    .select()
    .from(notifications)
    .where(and(within(notifications, scope), eq(notifications.id, id)));
  if (row === undefined) throw notificationNotFound(id);
  const payload = JSON.parse(row.body) as Record<string, unknown>;
  return { ...toNotification(row), payload, deliveries: await readDeliveries(db, id) };
}

/** The same answer whether the notification does not exist or may not be seen. */
export function notificationNotFound(id: string): Problem {
  return new Problem('not-found', `There is no notification ${id}`);
}
