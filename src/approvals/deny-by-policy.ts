import { eq, sql } from 'drizzle-orm';
import { threadIdOf } from '../audit/record-audit.ts';
import type { TransactionalAppend } from '../chunks/execution-log.ts';
import { approvals } from '../db/schema.ts';
import type { Notify } from '../notifications/notify.ts';
import { auditApproval } from './audit-approval.ts';
import { decisionChunks, settleCall } from './decision-effects.ts';
import { recordEvent } from './record-event.ts';
import { POLICY } from './status.ts';
import type { ApprovalRow } from './view.ts';

const NOBODY_IS_ASKED = 'Denied by policy: the automation that started this asks nobody';

/** Denies what was just asked, in the same transaction: nobody is waited for. */
export async function denyByPolicy(
  { tx, append, notify }: TransactionalAppend & { notify?: Notify | undefined },
  approvalId: string,
): Promise<void> {
  const [denied] = await tx
    .update(approvals)
    .set({
      status: 'denied',
      reason: NOBODY_IS_ASKED,
      decidedBy: POLICY,
      decidedAt: sql`clock_timestamp()`,
    })
    .where(eq(approvals.id, approvalId))
    .returning();
  const approval = denied as ApprovalRow;
  await recordEvent(tx, approval, { kind: 'denied', by: POLICY, detail: { reason: NOBODY_IS_ASKED } });
  const about = { row: approval, threadId: threadIdOf(approval.executionId) };
  const details = { decision: 'denied', isEdited: false };
  await auditApproval(tx, { kind: 'system', id: POLICY }, about, { action: 'approval.decided', details });
  await notify?.(tx, { type: 'approval.decided', approvalId });
  await settleCall(tx, approval);
  append(approval.turn, ...decisionChunks(approval));
}
