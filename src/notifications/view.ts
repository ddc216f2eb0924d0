import { desc, eq, type SQL } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { notificationDeliveries, notifications } from '../db/schema.ts';
import { NOTIFICATION_STATUSES, NOTIFICATION_TYPES } from './status.ts';

const time = z.iso.datetime();

/** A notification as clients see it in a list. */
export const notificationSchema = z
  .object({
    id: z.uuid().meta({ description: 'What the receiver gets as `webhook-id`, with every try.' }),
    type: z.enum(NOTIFICATION_TYPES),
    status: z.enum(NOTIFICATION_STATUSES),
    executionId: z.uuid(),
    approvalId: z.uuid().nullable(),
    tries: z.int().min(0).meta({ description: 'How often it was sent, or about to be.' }),
    nextAttemptAt: time.nullable().meta({ description: 'Null when it is delivered or failed.' }),
    createdAt: time,
    endedAt: time.nullable().meta({ description: 'When it was delivered, or given up.' }),
  })
  .meta({ id: 'Notification', description: 'What a webhook is told, and whether it has it.' });

export const deliverySchema = z
  .object({
    no: z.int().min(1),
    startedAt: time,
    durationMs: z
      .int()
      .nullable()
      .meta({ description: 'Null while it is under way, or if its end is lost.' }),
    statusCode: z.int().nullable().meta({ description: 'Null when there was no answer.' }),
    error: z.string().nullable(),
    response: z.string().nullable().meta({ description: 'The first KiB of the answer.' }),
  })
  .meta({ id: 'NotificationDelivery', description: 'One try to deliver a notification.' });

/** A notification with what is sent and what came of it. */
export const notificationDetailsSchema = notificationSchema
  .extend({
    payload: z.looseObject({}).meta({ description: 'The body as it is sent.' }),
    deliveries: z.array(deliverySchema).meta({ description: 'The newest 50, the newest first.' }),
  })
  .meta({ id: 'NotificationDetails' });

export type Notification = z.output<typeof notificationSchema>;
export type Delivery = z.output<typeof deliverySchema>;
export type NotificationRow = typeof notifications.$inferSelect;

const DELIVERIES_SHOWN = 50;

/** The JSON of a notification from its row. */
export function toNotification(row: Omit<NotificationRow, 'body'>): Notification {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    executionId: row.executionId,
    approvalId: row.approvalId,
    tries: row.tries,
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** What came of the tries, the newest first. */
export async function readDeliveries(db: Executor, notificationId: string): Promise<Delivery[]> {
  const where: SQL = eq(notificationDeliveries.notificationId, notificationId);
  const { no } = notificationDeliveries;
  const rows = await db
    .select()
    .from(notificationDeliveries)
    .where(where)
    .orderBy(desc(no))
    .limit(DELIVERIES_SHOWN);
  return rows.map((row) => ({
    no: row.no,
    startedAt: row.startedAt.toISOString(),
    durationMs: row.durationMs,
    statusCode: row.statusCode,
    error: row.error,
    response: row.response,
  }));
}
