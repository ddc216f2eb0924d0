import { and, eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { AnyTool } from '../agents/define-tool.ts';
import { inputJsonSchema } from '../agents/input-json-schema.ts';
import type { TransactionalAppend } from '../chunks/execution-log.ts';
import { approvals } from '../db/schema.ts';
import type { ClaimedExecution } from '../executions/claim-execution.ts';
import type { Notify } from '../notifications/notify.ts';
import { denyByPolicy } from './deny-by-policy.ts';
import { inputHash } from './input-hash.ts';
import { readContext } from './read-context.ts';
import { recordEvent } from './record-event.ts';
import type { ApprovalKind } from './status.ts';

/** A call that a person has to be asked about. */
export interface ApprovalRequest {
  kind: ApprovalKind;
  turn: number;
  toolCallId: string;
  toolName: string;
  /** What the tool is, or was, to be called with. */
  input: unknown;
  /** Undefined when the agent has lost it meanwhile. */
  tool: AnyTool | undefined;
  /** Who could decide the call before, for a tool that is gone. */
  approvers?: string[] | null | undefined;
}

const WHY_UNKNOWN = 'It is not known whether this call took effect';

/**
 * Asks a person, in the transaction that makes the call wait; does nothing if the question is pending already. A call
 * is asked about by a row of the log, but for a question: its part stays as it is until there is an answer. Where an
 * automation wants nobody to be asked, it is denied at once.
 * @returns whether somebody has to decide
 */
export async function requestApproval(
  { tx, append, notify }: TransactionalAppend & { notify?: Notify | undefined },
  claimed: ClaimedExecution,
  request: ApprovalRequest,
): Promise<boolean> {
  const { kind, turn, toolCallId, toolName, input, tool } = request;
  const pending = and(
    eq(approvals.executionId, claimed.id),
    eq(approvals.toolCallId, toolCallId),
    eq(approvals.status, 'pending'),
  );
  if ((await tx.select({ id: approvals.id }).from(approvals).where(pending)).length > 0) return true;
  const approval = { id: uuidv7(), tenantId: claimed.tenantId };
  const risk = tool?.kind === 'tool' ? tool.risk : 'low';
  const timeoutMs = tool?.approvalTimeoutMs ?? null;
  await tx.insert(approvals).values({
    ...approval,
    ownerId: claimed.ownerId,
    executionId: claimed.id,
    threadNo: claimed.threadNo,
    agentId: claimed.agentId,
    toolCallId,
    toolName,
    turn,
    kind,
    input,
    inputHash: inputHash(input),
    inputSchema: tool === undefined ? {} : inputJsonSchema(tool),
    context: await readContext(tx, claimed.id, turn),
    risk,
    approvers: tool === undefined ? (request.approvers ?? null) : copyOf(tool.approvers),
    // That nobody looked is never a reason to do something a second time (T2).
    onExpire: kind === 'approval' && mayApproveItself(claimed, tool) ? 'approve' : 'deny',
    expiresAt: timeoutMs === null ? null : sql`clock_timestamp() + ${timeoutMs} * interval '1 ms'`,
    createdAt: sql`clock_timestamp()`,
  });
  await recordEvent(tx, approval, { kind: 'requested', by: claimed.agentId });
  const isDenied = claimed.approvalPolicy === 'deny';
  if (!isDenied) await notify?.(tx, { type: 'approval.requested', approvalId: approval.id });
  if (kind !== 'question') {
    append(turn, {
      type: 'tool-approval-request',
      approvalId: approval.id,
      toolCallId,
      approvalDescriptor: { kind, risk },
      ...(kind === 'unknown-outcome' ? { reason: WHY_UNKNOWN } : {}),
    });
  }
  if (isDenied) await denyByPolicy({ tx, append, notify }, approval.id);
  return !isDenied;
}

/** What an automation starts is never approved by time: nobody may have known of it. */
function mayApproveItself(claimed: ClaimedExecution, tool: AnyTool | undefined): boolean {
  return claimed.approvalPolicy === null && tool?.kind === 'tool' && tool.onExpire === 'approve';
}

/** An agent may have been made by an older copy of the package, which knew of none. */
function copyOf(names: readonly string[] | null | undefined): string[] | null {
  return names == null ? null : [...names];
}
