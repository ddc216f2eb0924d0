import { and, eq, type SQL } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { selectApprovals, toApproval } from '../approvals/view.ts';
import { toAutomation } from '../automations/view.ts';
import type { Transaction } from '../db/database.ts';
import { approvals, automations, notifications, workflowExecutions } from '../db/schema.ts';
import { selectExecutions, toExecution } from '../executions/view.ts';
import type { NotificationEvent } from './notify.ts';
import type { NotificationType } from './status.ts';

type NewNotification = typeof notifications.$inferInsert;

/**
 * Writes a notification into the outbox, due at once, with what it tells as the API shows it at this moment. Each
 * event is written once, however often it is told: by its type and what it is about.
 */
export async function recordNotification(tx: Transaction, event: NotificationEvent): Promise<void> {
  const told = await tellOf(tx, event);
  if (told.length > 0) await tx.insert(notifications).values(told).onConflictDoNothing();
}

async function tellOf(tx: Transaction, event: NotificationEvent): Promise<NewNotification[]> {
  if ('approvalId' in event) return tellOfApprovals(tx, event.type, eq(approvals.id, event.approvalId));
  if (event.type === 'automation.paused') return tellOfAutomation(tx, event);
  return [
    ...(await tellOfApprovals(tx, 'approval.decided', endedWith(event.executionId))),
    ...(await tellOfExecution(tx, event.type, event.executionId)),
  ];
}

/** Only the end of its execution cancels an approval, in the same transaction. */
function endedWith(executionId: string): SQL {
  return and(eq(approvals.executionId, executionId), eq(approvals.status, 'cancelled')) as SQL;
}

async function tellOfApprovals(
  tx: Transaction,
  type: NotificationType,
  which: SQL,
): Promise<NewNotification[]> {
  return (await selectApprovals(tx, which)).map((selected) => {
    const data = toApproval(selected);
    const { id: approvalId, executionId } = selected.row;
    return make(type, selected.row, { approvalId, executionId, at: data.decidedAt ?? data.createdAt, data });
  });
}

async function tellOfExecution(
  tx: Transaction,
  type: NotificationType,
  executionId: string,
): Promise<NewNotification[]> {
  return (await selectExecutions(tx, eq(workflowExecutions.id, executionId))).map((selected) => {
    const data = toExecution(selected);
    return make(type, selected.row, { executionId, at: data.finishedAt ?? data.createdAt, data });
  });
}

async function tellOfAutomation(
  tx: Transaction,
  { type, automationId, executionId }: Extract<NotificationEvent, { type: 'automation.paused' }>,
): Promise<NewNotification[]> {
  return (await tx.select().from(automations).where(eq(automations.id, automationId))).map((row) => {
    const data = toAutomation(row);
    return make(type, row, { executionId, at: data.updatedAt, data });
  });
}

interface Subject {
  executionId: string;
  approvalId?: string;
  /** When it happened, by the database's clock. */
  at: string;
  data: unknown;
}

function make(
  type: NotificationType,
  { tenantId, ownerId }: { tenantId: string; ownerId: string },
  { at, data, ...subject }: Subject,
): NewNotification {
  const id = uuidv7();
  const body = JSON.stringify({ id, type, timestamp: at, data });
  return { id, tenantId, ownerId, type, ...subject, body, nextAttemptAt: new Date(at) };
}
