import { eq, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { microsOf } from '../db/page.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { NO_USAGE } from '../turns/usage.ts';
import { EXECUTION_STATUSES, type ExecutionStatus } from './status.ts';

export const EXECUTION_SOURCES = ['api', 'chat', 'automation', 'gateway', 'agent'] as const;
export const SUSPENDED_REASONS = [
  'approval',
  'question',
  'unknown-outcome',
  'child',
  'budget',
  'timer',
] as const;

/** Those for which a person has to act before it goes on. */
export const REASONS_FOR_PEOPLE: ReadonlySet<string> = new Set([
  'approval',
  'question',
  'unknown-outcome',
  'budget',
]);

const time = z.iso.datetime();
const tokens = z.int().min(0);

/** An execution as clients see it. */
export const executionSchema = z
  .object({
    id: z.uuid(),
    threadId: z.string(),
    ordinal: z.int().meta({ description: 'Its place in the thread, from 1.' }),
    messageId: z.string().meta({ description: 'The id of the assistant message that it writes.' }),
    inputMessageId: z.string(),
    agentId: z.string(),
    source: z.enum(EXECUTION_SOURCES),
    status: z.enum(EXECUTION_STATUSES),
    suspendedReason: z.enum(SUSPENDED_REASONS).nullable(),
    blockedBy: z.uuid().nullable().meta({ description: 'The execution of the thread that it waits for.' }),
    attempt: z.int(),
    segment: z.int(),
    parentExecutionId: z.uuid().nullable(),
    retryOf: z.uuid().nullable(),
    automationId: z.uuid().nullable(),
    input: z
      .looseObject({ id: z.string(), role: z.literal('user'), parts: z.array(z.unknown()) })
      .meta({ description: 'An AI SDK UIMessage.' }),
    error: z.object({ code: z.string(), detail: z.string() }).nullable(),
    cancelReason: z.string().nullable(),
    usage: z.object({
      inputTokens: tokens,
      outputTokens: tokens,
      totalTokens: tokens,
      cachedInputTokens: tokens,
      reasoningTokens: tokens,
    }),
    firstTokenMs: z.int().nullable(),
    lastSeq: z.int().meta({ description: 'The last row of its log; 0 when that is empty.' }),
    metadata: z.record(z.string(), z.unknown()),
    createdAt: time,
    startedAt: time.nullable(),
    suspendedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Execution', description: 'One durable answer of an agent in a thread.' });

export type Execution = z.output<typeof executionSchema>;

/** The last seq of the log, also while the execution goes on. For a query over `workflowExecutions` and a join. */
export const lastSeqOfLog = sql<number>`coalesce(${workflowExecutions.lastSeq}, (
  SELECT c.seq + c.n - 1 FROM outlast.stream_chunks c
  WHERE c.execution_no = ${workflowExecutions.no} ORDER BY c.seq DESC LIMIT 1), 0)`;

const blockedBy = sql<string | null>`CASE WHEN ${workflowExecutions.segment} = 0
  AND ${workflowExecutions.finishedAt} IS NULL THEN (
    SELECT p.id FROM outlast.workflow_executions p
    WHERE p.thread_no = ${workflowExecutions.threadNo} AND p.ordinal < ${workflowExecutions.ordinal}
      AND p.finished_at IS NULL
    ORDER BY p.ordinal DESC LIMIT 1) END`;

/** Executions with all that their JSON needs; the caller adds the order and the limit. */
export function selectExecutions(db: Executor, where: SQL) {
  return db
    .select({
      row: workflowExecutions,
      threadId: threads.id,
      lastSeq: lastSeqOfLog,
      blockedBy,
      createdAtMicros: microsOf(workflowExecutions.createdAt),
    })
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(where)
    .$dynamic();
}

type Selected = Awaited<ReturnType<typeof selectExecutions>>[number];

/** The JSON of an execution from its row. */
export function toExecution({ row, threadId, lastSeq, blockedBy }: Selected): Execution {
  return {
    id: row.id,
    threadId,
    ordinal: row.ordinal,
    messageId: row.messageId,
    inputMessageId: row.inputMessageId,
    agentId: row.agentId,
    source: row.source as Execution['source'],
    status: row.status as ExecutionStatus,
    suspendedReason: row.suspendedReason as Execution['suspendedReason'],
    blockedBy,
    attempt: row.attempt,
    segment: row.segment,
    parentExecutionId: null,
    retryOf: row.retryOf,
    automationId: row.automationId,
    input: row.input as Execution['input'],
    error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
    cancelReason: row.cancelReason,
    usage: { ...NO_USAGE, ...(row.usage as Partial<Execution['usage']> | null) },
    firstTokenMs: row.firstTokenMs,
    lastSeq,
    metadata: row.metadata,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    suspendedAt: row.suspendedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
