import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Chunk } from '../chunks/chunk.ts';
import type { Transaction } from '../db/database.ts';
import { plainText } from '../db/plain-text.ts';
import { toolCalls } from '../db/schema.ts';
import type { ApprovalRow } from './view.ts';

/*
 * What the statuses do, by kind. The fold of the log is a valid UIMessage after each row (L5):
 *   approval         approved  → response (before it, in the same row, the edited input); the call may run
 *                    denied    → response and `tool-output-denied`
 *   question         answered  → `tool-output-available`
 *                    denied    → `tool-output-error`: its part was never asked for approval, and only such a part can
 *                                be denied
 *   unknown-outcome  retried   → response; the call may run again, under its own key
 *                    resolved  → response and `tool-output-available`
 *                    denied    → response and `tool-output-denied`
 * `expired` is a denial.
 */

const DECLINED = 'The question was declined';
const UNKNOWN = 'It is not known whether this call took effect, and it was not made again';

/** The chunks that a decision adds to the log. */
export function decisionChunks(approval: ApprovalRow): Chunk[] {
  const { id: approvalId, toolCallId, toolName, kind, status, output, editedInput, decidedBy } = approval;
  const why = approval.reason === null ? {} : { reason: approval.reason };
  const outputChunk: Chunk = { type: 'tool-output-available', toolCallId, output };
  if (kind === 'question') {
    if (status === 'answered') return [outputChunk];
    return [{ type: 'tool-output-error', toolCallId, errorText: approval.reason ?? DECLINED }];
  }
  if (isDenial(approval)) {
    return [
      { type: 'tool-approval-response', approvalId, approved: false, ...why },
      { type: 'tool-output-denied', toolCallId },
    ];
  }
  const response: Chunk = { type: 'tool-approval-response', approvalId, approved: true, ...why };
  if (status === 'resolved') return [response, outputChunk];
  if (editedInput === null) return [response];
  const edited: Chunk = {
    type: 'tool-input-available',
    toolCallId,
    toolName,
    input: editedInput,
    toolMetadata: { editedBy: decidedBy },
  };
  return [edited, response];
}

/** What a decision does to the ledger's row of the call. */
export async function settleCall(tx: Transaction, approval: ApprovalRow): Promise<void> {
  const change = changeOf(approval);
  if (change === undefined) return;
  const { rowCount } = await tx
    .update(toolCalls)
    .set(change)
    .where(
      and(
        eq(toolCalls.executionId, approval.executionId),
        eq(toolCalls.toolCallId, approval.toolCallId),
        inArray(toolCalls.status, ['pending', 'running']),
      ),
    );
  if (rowCount !== 1) throw new Error(`Tool call ${approval.toolCallId} was ended before it was decided`);
}

function changeOf(approval: ApprovalRow) {
  const endedAt = sql`clock_timestamp()`;
  if (isDenial(approval)) {
    const fallback = approval.kind === 'unknown-outcome' ? UNKNOWN : null;
    const errorText = approval.reason === null ? fallback : plainText(approval.reason);
    const errorCode = approval.status === 'expired' ? 'approval-expired' : 'denied';
    return { status: 'denied', errorCode, errorText, endedAt };
  }
  if (approval.status === 'answered' || approval.status === 'resolved') {
    // As text: a parameter that is null would be no value at all, and `null` is an output.
    return { status: 'completed', output: sql`${JSON.stringify(approval.output)}::json`, endedAt };
  }
  if (approval.status === 'retried') return { status: 'pending' };
  return approval.editedInput === null ? undefined : { editedInput: approval.editedInput };
}

function isDenial({ status }: ApprovalRow): boolean {
  return status === 'denied' || status === 'expired';
}
