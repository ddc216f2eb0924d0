import { randomBytes } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import pino from 'pino';
import { Webhook } from 'standardwebhooks';
import type { Database } from '../../src/db/database.ts';
import { notificationDeliveries, notifications } from '../../src/db/schema.ts';
import { createDeliverySteps, type DeliveryDeps } from '../../src/notifications/delivery-steps.ts';
import { NotificationSender } from '../../src/notifications/notification-sender.ts';
import { createOutbound } from '../../src/outbound/request.ts';
import { type DeliveryRef, deliverNotification } from '../../workflows/deliver-notification.ts';
import { HELD } from '../support/approvals.ts';
import { insertWorker } from '../support/executions.ts';
import type { ReceivedRequest, TestReceiver } from '../support/receiver.ts';

export const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/** What a receiver does first. @throws when the signature is not ours */
export function verify({
  body,
  headers,
}: Pick<ReceivedRequest, 'body' | 'headers'>): Record<string, unknown> {
  return new Webhook(SECRET).verify(body, headers as Record<string, string>) as Record<string, unknown>;
}

/** A worker that sends notifications, without a process and an engine of its own. */
export interface TestSender {
  readonly workerId: string;
  readonly sender: NotificationSender;
  readonly logged: string[];
  /** One look, and what it started to its end. @returns how many tries that were */
  sendDue(): Promise<number>;
}

export async function makeSender(
  db: Database,
  receiver: Pick<TestReceiver, 'url'>,
  options: Partial<DeliveryDeps> & { leaseMs?: number; deliver?: (ref: DeliveryRef) => Promise<void> } = {},
): Promise<TestSender> {
  const workerId = await insertWorker(db);
  const logged: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const steps = createDeliverySteps({
    db,
    workerId,
    lease: HELD,
    receiver: { url: new URL(receiver.url), secret: SECRET },
    send: createOutbound({ allowPrivate: true }),
    schedule: [1000, 2000, 3000],
    random: () => 0,
    logger,
    ...options,
  });
  const deliver =
    options.deliver ?? ((ref: DeliveryRef) => deliverNotification(steps, (_, step) => step(), ref));
  const underWay: Promise<void>[] = [];
  const sender = new NotificationSender({
    db,
    workerId,
    deliver: (ref) => {
      const delivery = deliver(ref);
      underWay.push(delivery);
      return delivery;
    },
    mayTake: () => true,
    logger,
    intervalMs: 10,
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
  });
  const sendDue = async () => {
    const started = await sender.look();
    await Promise.all(underWay.splice(0));
    return started;
  };
  return { workerId, sender, logged, sendDue };
}

export type NotificationRow = typeof notifications.$inferSelect;

export async function notificationsOf(db: Database, executionId: string): Promise<NotificationRow[]> {
  const { createdAt, id } = notifications;
  return db.orm
    .select()
    .from(notifications)
    .where(eq(notifications.executionId, executionId))
    .orderBy(createdAt, id);
}

export async function deliveriesOf(db: Database, notificationId: string) {
  return db.orm
    .select()
    .from(notificationDeliveries)
    .where(eq(notificationDeliveries.notificationId, notificationId))
    .orderBy(notificationDeliveries.no);
}

/** Time is data: what waits is due. @returns how long it would have been, in milliseconds */
export async function timePasses(db: Database, notificationId: string): Promise<number> {
  const { rows } = await db.orm.execute<{ ms: number }>(sql`
    UPDATE outlast.notifications n SET next_attempt_at = clock_timestamp() FROM outlast.notifications old
    WHERE n.id = ${notificationId} AND old.id = n.id
    RETURNING (extract(epoch FROM old.next_attempt_at - clock_timestamp()) * 1000)::float8 AS ms`);
  return rows[0]?.ms ?? Number.NaN;
}
