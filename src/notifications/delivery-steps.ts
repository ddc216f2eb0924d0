import { and, eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { DeliveryOutcome, DeliveryRef, DeliverySteps } from '../../workflows/deliver-notification.ts';
import type { Database } from '../db/database.ts';
import { whilePatient } from '../db/retry.ts';
import { notifications } from '../db/schema.ts';
import type { SendOutbound } from '../outbound/request.ts';
import type { LeaseCheck } from '../tools/lease-check.ts';
import { recordDelivery } from './record-delivery.ts';
import { type Receiver, SEND_TIMEOUT_MS, sendNotification } from './send-notification.ts';

/** How long Postgres may be away after an answer; longer, and the lease is over anyway. */
const PATIENCE_MS = 15_000;

export interface DeliveryDeps {
  db: Database;
  workerId: string;
  lease: Pick<LeaseCheck, 'sureForMs'>;
  receiver: Receiver;
  send: SendOutbound;
  /** Milliseconds to wait after each failed try. */
  schedule: readonly number[];
  /** From 0 to 1. */
  random: () => number;
  logger: Logger;
  metrics?: DeliveryMetrics;
}

export interface DeliveryMetrics {
  /** What came of a try is written down. */
  delivery(outcome: 'delivered' | 'postponed' | 'failed'): void;
}

/** The steps of the delivery workflow, bound to this process. */
export function createDeliverySteps(deps: DeliveryDeps): DeliverySteps {
  return {
    send: (ref) => send(deps, ref),
    record: (ref, outcome) => record(deps, ref, outcome),
  };
}

/** Sends only what is surely its own: a process that was frozen may have lost it meanwhile. */
async function send(deps: DeliveryDeps, ref: DeliveryRef): Promise<DeliveryOutcome | null> {
  const askedAt = performance.now();
  const held = await findHeld(deps, ref);
  if (held === undefined) return null;
  const leftMs = held.leftMs - (performance.now() - askedAt);
  if (leftMs < SEND_TIMEOUT_MS || deps.lease.sureForMs() <= 0) return null;
  return sendNotification(deps.send, deps.receiver, { id: ref.notificationId, body: held.body });
}

async function findHeld(
  { db, workerId }: DeliveryDeps,
  { notificationId, no }: DeliveryRef,
): Promise<{ body: string; leftMs: number } | undefined> {
  const { id, tries, leasedBy, leasedUntil, body } = notifications;
  const [held] = await db.orm
    .select({
      body,
      leftMs: sql<number>`(extract(epoch FROM ${leasedUntil} - clock_timestamp()) * 1000)::float8`,
    })
    .from(notifications)
    .where(and(eq(id, notificationId), eq(tries, no), eq(leasedBy, workerId)));
  return held;
}

async function record(deps: DeliveryDeps, ref: DeliveryRef, outcome: DeliveryOutcome): Promise<void> {
  const recorded = await whilePatient(PATIENCE_MS, () => recordDelivery(deps, ref, outcome));
  if (recorded === undefined) return;
  deps.metrics?.delivery(recorded);
  const { durationMs, statusCode, error } = outcome;
  const fields = { ...ref, durationMs, statusCode, error };
  if (recorded === 'failed') deps.logger.warn(fields, 'notification.failed');
  else deps.logger.info(fields, `notification.${recorded}`);
}
