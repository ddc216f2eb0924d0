import type { Transaction } from '../db/database.ts';
import { approvalEvents } from '../db/schema.ts';
import type { ApprovalEventKind } from './status.ts';
import type { ApprovalRow } from './view.ts';

/** Writes down what became of an approval, in the transaction in which it does. */
export async function recordEvent(
  tx: Transaction,
  approval: Pick<ApprovalRow, 'id' | 'tenantId'>,
  event: { kind: ApprovalEventKind; by: string; detail?: Record<string, unknown> },
): Promise<void> {
  await tx.insert(approvalEvents).values({ tenantId: approval.tenantId, approvalId: approval.id, ...event });
}
