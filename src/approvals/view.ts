import { eq, type SQL } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { microsOf } from '../db/page.ts';
import { approvals, threads } from '../db/schema.ts';
import { APPROVAL_KINDS, APPROVAL_STATUSES } from './status.ts';

const time = z.iso.datetime();

/** An approval as clients see it. */
export const approvalSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(APPROVAL_KINDS),
    status: z.enum(APPROVAL_STATUSES),
    executionId: z.uuid(),
    threadId: z.string(),
    agentId: z.string(),
    toolCallId: z.string(),
    toolName: z.string(),
    input: z.unknown().meta({ description: 'What the tool is to be called with.' }),
    inputSchema: z.record(z.string(), z.unknown()).meta({ description: 'What an edited input has to fit.' }),
    inputHash: z
      .string()
      .meta({ description: '`sha256:` and the hash of the input as RFC 8785 JSON, in hex.' }),
    editedInput: z
      .unknown()
      .meta({ description: 'What was approved instead of the input; null if nothing was.' }),
    context: z.object({ lastUserMessage: z.string(), textSoFar: z.string() }),
    risk: z.enum(['low', 'medium', 'high']),
    reason: z.string().nullable().meta({ description: 'Of the decision.' }),
    assignee: z.string().nullable(),
    expiresAt: time.nullable(),
    decidedBy: z.string().nullable(),
    decidedAt: time.nullable(),
    createdAt: time,
  })
  .meta({ id: 'Approval', description: 'A question to a person that blocks a tool call.' });

export type Approval = z.output<typeof approvalSchema>;

export type ApprovalRow = typeof approvals.$inferSelect;

/** Approvals with all that their JSON needs; the caller adds the order and the limit. */
export function selectApprovals(db: Executor, where: SQL) {
  return db
    .select({ row: approvals, threadId: threads.id, createdAtMicros: microsOf(approvals.createdAt) })
    .from(approvals)
    .innerJoin(threads, eq(threads.no, approvals.threadNo))
    .where(where)
    .$dynamic();
}

/** The JSON of an approval from its row. */
export function toApproval({ row, threadId }: { row: ApprovalRow; threadId: string }): Approval {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    executionId: row.executionId,
    threadId,
    agentId: row.agentId,
    toolCallId: row.toolCallId,
    toolName: row.toolName,
    input: row.input,
    inputSchema: row.inputSchema as Approval['inputSchema'],
    inputHash: row.inputHash,
    editedInput: row.editedInput,
    context: row.context,
    risk: row.risk,
    reason: row.reason,
    assignee: row.assignee,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    decidedBy: row.decidedBy,
    decidedAt: row.decidedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
