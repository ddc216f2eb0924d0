import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  foreignKey,
  index,
  integer,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ApprovalEventKind, ApprovalKind, ApprovalStatus } from '../approvals/status.ts';
import type { AuditAction, AuditSubject } from '../audit/actions.ts';
import type { ActorKind } from '../audit/actor.ts';
import type { TokenScope } from '../auth/token-scopes.ts';
import type { FiringCause, FiringStatus } from '../automations/firing-status.ts';
import type { ApprovalPolicy, AutomationSettings, Trigger } from '../automations/settings.ts';
import type { NotificationStatus, NotificationType } from '../notifications/status.ts';

/*
 * Content (messages, tool inputs and outputs, chunks) is `json` or `text`, never `jsonb`: jsonb reorders keys,
 * so that two readers would get different bytes, and refuses U+0000, which would fail a whole batch.
 * The `json` type of Drizzle parses a string that it gets a second time (the output "1" would come back as 1).
 * Every table that holds a tenant's data has `tenant_id`; `workers` describes processes and has none.
 */
export const outlast = pgSchema('outlast');

const json = customType<{ data: unknown; driverData: unknown }>({
  dataType: () => 'json',
  toDriver: (value) => JSON.stringify(value),
});
const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });
const tenantId = () => text('tenant_id').notNull();
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const createdAt = () => time('created_at').notNull().defaultNow();

/** The ordered messages of one conversation. `no` is internal; `id` is chosen by the client, unique per owner. */
export const threads = outlast.table(
  'threads',
  {
    no: bigint('no', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    id: text('id').notNull(),
    title: text('title'),
    agentId: text('agent_id'),
    lastOrdinal: integer('last_ordinal').notNull().default(0),
    metadata: json('metadata').$type<Record<string, unknown>>().notNull().default(sql`'{}'::json`),
    createdAt: createdAt(),
    updatedAt: time('updated_at').notNull().defaultNow(),
  },
  (t) => [
    unique('threads_owner_id_key').on(t.tenantId, t.ownerId, t.id),
    index('threads_list_idx').on(t.tenantId, t.ownerId, t.createdAt, t.id),
    // For keys that see the whole tenant.
    index('threads_tenant_list_idx').on(t.tenantId, t.createdAt, t.id),
    index('threads_tenant_id_idx').on(t.tenantId, t.id),
  ],
);

/**
 * One AI SDK UIMessage. Its position is derived from the execution it belongs to: 2 × ordinal for the user's
 * message, 2 × ordinal + 1 for the answer, so that a message which waits for an answer comes after it.
 */
export const messages = outlast.table(
  'messages',
  {
    threadNo: bigint('thread_no', { mode: 'number' })
      .notNull()
      .references(() => threads.no, { onDelete: 'cascade' }),
    id: text('id').notNull(),
    tenantId: tenantId(),
    position: integer('position').notNull(),
    role: text('role').$type<'user' | 'assistant'>().notNull(),
    parts: json('parts').$type<unknown[]>().notNull(),
    status: text('status').$type<'complete' | 'partial'>().notNull(),
    executionId: uuid('execution_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ name: 'messages_pkey', columns: [t.threadNo, t.id] }),
    unique('messages_position_key').on(t.threadNo, t.position),
    check('messages_role_check', sql`${t.role} IN ('user', 'assistant')`),
    check('messages_status_check', sql`${t.status} IN ('complete', 'partial')`),
  ],
);

/** What a file of a user's message held when the message was accepted: nobody fetches it a second time. */
export const messageFiles = outlast.table(
  'message_files',
  {
    threadNo: bigint('thread_no', { mode: 'number' }).notNull(),
    messageId: text('message_id').notNull(),
    // An address is too long for an index.
    no: integer('no').notNull(),
    tenantId: tenantId(),
    url: text('url').notNull(),
    mediaType: text('media_type').notNull(),
    content: bytes('content').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ name: 'message_files_pkey', columns: [t.threadNo, t.messageId, t.no] }),
    foreignKey({
      name: 'message_files_message_fkey',
      columns: [t.threadNo, t.messageId],
      foreignColumns: [messages.threadNo, messages.id],
    }).onDelete('cascade'),
  ],
);

/** One durable answer of an agent in a thread. Its states and moves: `src/executions/status.ts`. */
export const workflowExecutions = outlast.table(
  'workflow_executions',
  {
    id: uuid('id').primaryKey(),
    no: bigint('no', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    threadNo: bigint('thread_no', { mode: 'number' }).notNull(),
    ordinal: integer('ordinal').notNull(),
    messageId: text('message_id').notNull(),
    inputMessageId: text('input_message_id').notNull(),
    agentId: text('agent_id').notNull(),
    source: text('source').notNull(),
    status: text('status').notNull(),
    suspendedReason: text('suspended_reason'),
    segment: integer('segment').notNull(),
    attempt: integer('attempt').notNull().default(0),
    workerId: text('worker_id'),
    retryOf: uuid('retry_of'),
    // Kept when the automation is deleted.
    automationId: uuid('automation_id'),
    // The firing that it is an attempt of; null if a person asked for it, such as a retry of one.
    firingId: uuid('firing_id'),
    // What becomes of calls that a person has to be asked about; null where the caller is a person.
    approvalPolicy: text('approval_policy').$type<ApprovalPolicy>(),
    // When its automation took note of how it ended. Until then it takes up a place there.
    accountedAt: time('accounted_at'),
    // It answers a message again: when it was made, executions from this ordinal on to its own left the history.
    dropsFrom: integer('drops_from'),
    input: json('input').$type<unknown>().notNull(),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    cancelReason: text('cancel_reason'),
    cancelMode: text('cancel_mode').$type<'interrupt' | 'discard'>(),
    cancelledBy: text('cancelled_by'),
    usage: json('usage').$type<unknown>(),
    firstTokenMs: integer('first_token_ms'),
    activeMs: bigint('active_ms', { mode: 'number' }).notNull().default(0),
    lastSeq: integer('last_seq'),
    metadata: json('metadata').$type<Record<string, unknown>>().notNull().default(sql`'{}'::json`),
    logPackedAt: time('log_packed_at'),
    logExpiredAt: time('log_expired_at'),
    logRemovedAt: time('log_removed_at'),
    createdAt: createdAt(),
    queuedAt: time('queued_at').notNull().defaultNow(),
    startedAt: time('started_at'),
    suspendedAt: time('suspended_at'),
    finishedAt: time('finished_at'),
  },
  (t) => [
    unique('workflow_executions_no_key').on(t.no),
    unique('workflow_executions_ordinal_key').on(t.threadNo, t.ordinal),
    foreignKey({
      name: 'workflow_executions_thread_fkey',
      columns: [t.threadNo],
      foreignColumns: [threads.no],
    }).onDelete('cascade'),
    // E5: a thread has at most one active execution. Segment 0 still waits for its turn.
    uniqueIndex('workflow_executions_active_key')
      .on(t.threadNo)
      .where(sql`segment > 0 AND status NOT IN ('completed', 'failed', 'cancelled')`),
    index('workflow_executions_list_idx').on(t.tenantId, t.ownerId, t.createdAt, t.id),
    index('workflow_executions_tenant_list_idx').on(t.tenantId, t.createdAt, t.id),
    index('workflow_executions_live_idx')
      .on(t.status, t.workerId)
      .where(sql`status NOT IN ('completed', 'failed', 'cancelled')`),
    index('workflow_executions_automation_idx')
      .on(t.automationId, t.createdAt, t.id)
      .where(sql`automation_id IS NOT NULL`),
    // What takes up a place, of a tenant and of each automation, and what of it has ended.
    index('workflow_executions_unaccounted_idx')
      .on(t.tenantId, t.automationId)
      .where(sql`firing_id IS NOT NULL AND accounted_at IS NULL`),
    index('workflow_executions_ended_idx')
      .on(t.automationId)
      .where(sql`firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NOT NULL`),
    // What is left to do for each log; what is done is in none of them, so that an idle look costs nothing.
    index('workflow_executions_unpacked_idx')
      .on(t.finishedAt, t.no)
      .where(sql`finished_at IS NOT NULL AND log_packed_at IS NULL AND log_expired_at IS NULL`),
    index('workflow_executions_kept_idx')
      .on(t.finishedAt, t.no)
      .where(sql`finished_at IS NOT NULL AND log_expired_at IS NULL`),
    index('workflow_executions_unremoved_idx')
      .on(t.logExpiredAt, t.no)
      .where(sql`log_expired_at IS NOT NULL AND log_removed_at IS NULL`),
    check(
      'workflow_executions_status_check',
      sql`${t.status} IN ('queued', 'running', 'suspended', 'completed', 'failed', 'cancelled')`,
    ),
    check(
      'workflow_executions_source_check',
      sql`${t.source} IN ('api', 'chat', 'automation', 'gateway', 'agent')`,
    ),
    // E2: finished_at is set exactly in final states, and so is last_seq.
    check(
      'workflow_executions_final_check',
      sql`(${t.status} IN ('completed', 'failed', 'cancelled')) = (${t.finishedAt} IS NOT NULL)
        AND (${t.finishedAt} IS NOT NULL) = (${t.lastSeq} IS NOT NULL)`,
    ),
    // Only final logs are packed or expire, and only expired ones are removed.
    check(
      'workflow_executions_log_check',
      sql`(${t.finishedAt} IS NOT NULL OR (${t.logPackedAt} IS NULL AND ${t.logExpiredAt} IS NULL))
        AND (${t.logExpiredAt} IS NOT NULL OR ${t.logRemovedAt} IS NULL)`,
    ),
    check('workflow_executions_worker_check', sql`(${t.status} = 'running') = (${t.workerId} IS NOT NULL)`),
    check(
      'workflow_executions_cancel_check',
      sql`${t.cancelMode} IN ('interrupt', 'discard') AND ${t.status} = 'cancelled' OR ${t.cancelMode} IS NULL`,
    ),
    check('workflow_executions_error_check', sql`(${t.status} = 'failed') = (${t.errorCode} IS NOT NULL)`),
    check(
      'workflow_executions_suspended_check',
      sql`(${t.status} = 'suspended') = (${t.suspendedReason} IS NOT NULL)
        AND (${t.suspendedReason} IS NULL OR ${t.suspendedReason} IN
          ('approval', 'question', 'unknown-outcome', 'child', 'budget', 'timer'))`,
    ),
    check(
      'workflow_executions_automation_check',
      sql`(${t.firingId} IS NULL OR ${t.automationId} IS NOT NULL)
        AND (${t.accountedAt} IS NULL OR (${t.firingId} IS NOT NULL AND ${t.finishedAt} IS NOT NULL))
        AND ${t.approvalPolicy} IN ('ask', 'deny')`,
    ),
    check(
      'workflow_executions_segment_check',
      sql`${t.attempt} >= 0 AND (${t.segment} > 0 OR (${t.segment} = 0 AND ${t.status} IN ('queued', 'cancelled', 'failed')))`,
    ),
  ],
);

/**
 * The durable log: one row holds the neighbours that one execution had in one flush and turn, joined by
 * newlines; `seq` is that of its first chunk, `n` how many there are. No foreign key and no second index:
 * they would cost a third of the rate. `outlast.stream_chunk_lines` shows a line a chunk.
 * A packed row has many of these joined: `at_offsets` keeps the time of each of its chunks, in milliseconds since
 * the row's own. Without it all chunks of a row came at `created_at`.
 */
export const streamChunks = outlast.table(
  'stream_chunks',
  {
    executionNo: bigint('execution_no', { mode: 'number' }).notNull(),
    createdAt: createdAt(),
    seq: integer('seq').notNull(),
    n: integer('n').notNull(),
    attempt: integer('attempt').notNull(),
    turn: integer('turn').notNull(),
    tenantId: tenantId(),
    chunks: text('chunks').notNull(),
    atOffsets: integer('at_offsets').array(),
  },
  (t) => [
    primaryKey({ name: 'stream_chunks_pkey', columns: [t.executionNo, t.seq] }),
    check('stream_chunks_position_check', sql`${t.seq} >= 1 AND ${t.n} >= 1`),
  ],
);

/**
 * Logs whose executions were deleted: `stream_chunks` knows nothing of them, so this is what their removal goes by.
 * Written in the transaction that deletes, and gone when the last row of the log is.
 */
export const deletedLogs = outlast.table('deleted_logs', {
  executionNo: bigint('execution_no', { mode: 'number' }).primaryKey(),
  tenantId: tenantId(),
  deletedAt: time('deleted_at').notNull().defaultNow(),
});

/** What an execution was started with; written once, so that a takeover goes on with the same. */
export const executionInputs = outlast.table('execution_inputs', {
  executionId: uuid('execution_id')
    .primaryKey()
    .references(() => workflowExecutions.id, { onDelete: 'cascade' }),
  tenantId: tenantId(),
  agentHash: text('agent_hash').notNull(),
  model: text('model').notNull(),
  limits: json('limits').$type<unknown>().notNull(),
  tools: json('tools').$type<unknown[]>().notNull(),
  historyPosition: integer('history_position').notNull(),
  createdAt: createdAt(),
});

/** The result of a model call. Without `ended_at` the turn is still open and the row only counts its tries. */
export const executionTurns = outlast.table(
  'execution_turns',
  {
    executionId: uuid('execution_id')
      .notNull()
      .references(() => workflowExecutions.id, { onDelete: 'cascade' }),
    turn: integer('turn').notNull(),
    tenantId: tenantId(),
    attempt: integer('attempt').notNull(),
    model: text('model').notNull(),
    failures: json('failures').$type<TurnFailure[]>().notNull().default(sql`'[]'::json`),
    responseMessages: json('response_messages').$type<unknown[]>(),
    toolCalls: json('tool_calls').$type<unknown[]>(),
    usage: json('usage').$type<unknown>(),
    finishReason: text('finish_reason'),
    firstTokenMs: integer('first_token_ms'),
    startedAt: time('started_at').notNull().defaultNow(),
    endedAt: time('ended_at'),
  },
  (t) => [
    primaryKey({ name: 'execution_turns_pkey', columns: [t.executionId, t.turn] }),
    check(
      'execution_turns_ended_check',
      sql`(${t.endedAt} IS NOT NULL) = (${t.responseMessages} IS NOT NULL)
        AND (${t.endedAt} IS NOT NULL) = (${t.finishReason} IS NOT NULL)`,
    ),
  ],
);

/** One failed try of a model call, kept for the timeline. */
export interface TurnFailure {
  at: string;
  attempt: number;
  code: string;
  detail: string;
  retryInMs: number | null;
}

/** The ledger of tool calls: `running` is committed before the tool is called (T1). */
export const toolCalls = outlast.table(
  'tool_calls',
  {
    executionId: uuid('execution_id')
      .notNull()
      .references(() => workflowExecutions.id, { onDelete: 'cascade' }),
    toolCallId: text('tool_call_id').notNull(),
    tenantId: tenantId(),
    turn: integer('turn').notNull(),
    position: integer('position').notNull(),
    toolName: text('tool_name').notNull(),
    input: json('input').$type<unknown>().notNull(),
    // What runs instead, if a person approved the call with other input than the model gave.
    editedInput: json('edited_input').$type<unknown>(),
    idempotent: boolean('idempotent').notNull(),
    status: text('status').notNull(),
    attempt: integer('attempt'),
    output: json('output').$type<unknown>(),
    errorCode: text('error_code'),
    errorText: text('error_text'),
    createdAt: createdAt(),
    startedAt: time('started_at'),
    endedAt: time('ended_at'),
  },
  (t) => [
    primaryKey({ name: 'tool_calls_pkey', columns: [t.executionId, t.toolCallId] }),
    unique('tool_calls_position_key').on(t.executionId, t.turn, t.position),
    check(
      'tool_calls_status_check',
      sql`${t.status} IN ('pending', 'running', 'completed', 'failed', 'denied', 'unknown')`,
    ),
    check(
      'tool_calls_ended_check',
      sql`(${t.status} IN ('completed', 'failed', 'denied', 'unknown')) = (${t.endedAt} IS NOT NULL)`,
    ),
    check('tool_calls_output_check', sql`(${t.status} = 'completed') = (${t.output} IS NOT NULL)`),
    check('tool_calls_running_check', sql`${t.status} <> 'running' OR ${t.attempt} IS NOT NULL`),
  ],
);

/** A question to a person that blocks a tool call. Its kinds and statuses: `src/approvals/status.ts`. */
export const approvals = outlast.table(
  'approvals',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    executionId: uuid('execution_id').notNull(),
    threadNo: bigint('thread_no', { mode: 'number' }).notNull(),
    agentId: text('agent_id').notNull(),
    toolCallId: text('tool_call_id').notNull(),
    toolName: text('tool_name').notNull(),
    turn: integer('turn').notNull(),
    kind: text('kind').$type<ApprovalKind>().notNull(),
    status: text('status').$type<ApprovalStatus>().notNull().default('pending'),
    input: json('input').$type<unknown>().notNull(),
    inputHash: text('input_hash').notNull(),
    inputSchema: json('input_schema').$type<unknown>().notNull(),
    editedInput: json('edited_input').$type<unknown>(),
    output: json('output').$type<unknown>(),
    context: json('context').$type<ApprovalContext>().notNull(),
    risk: text('risk').$type<'low' | 'medium' | 'high'>().notNull(),
    reason: text('reason'),
    // Null: whoever owns the thread decides.
    approvers: text('approvers').array(),
    assignee: text('assignee'),
    onExpire: text('on_expire').$type<'deny' | 'approve'>().notNull().default('deny'),
    expiresAt: time('expires_at'),
    decidedBy: text('decided_by'),
    decidedAt: time('decided_at'),
    // Made by whoever decides, so that one that did not hear its commit knows its own decision again.
    decisionId: uuid('decision_id'),
    // The last seq of the log when the execution was first suspended with this open: what a client has by then.
    suspendedSeq: integer('suspended_seq'),
    createdAt: createdAt(),
  },
  (t) => [
    foreignKey({
      name: 'approvals_execution_fkey',
      columns: [t.executionId],
      foreignColumns: [workflowExecutions.id],
    }).onDelete('cascade'),
    uniqueIndex('approvals_pending_key').on(t.executionId, t.toolCallId).where(sql`status = 'pending'`),
    index('approvals_inbox_idx').on(t.tenantId, t.ownerId, t.status, t.createdAt, t.id),
    index('approvals_tenant_inbox_idx').on(t.tenantId, t.status, t.createdAt, t.id),
    index('approvals_execution_idx').on(t.executionId, t.createdAt),
    index('approvals_due_idx').on(t.expiresAt).where(sql`status = 'pending' AND expires_at IS NOT NULL`),
    // What names its approvers, in the order of the list. No policy lets an operator of arrays be served by an index.
    index('approvals_named_idx')
      .on(t.tenantId, t.status, t.createdAt, t.id)
      .where(sql`approvers IS NOT NULL`),
    check('approvals_kind_check', sql`${t.kind} IN ('approval', 'question', 'unknown-outcome')`),
    check(
      'approvals_status_check',
      sql`${t.status} IN ('pending', 'approved', 'denied', 'answered', 'retried', 'resolved', 'expired', 'cancelled')`,
    ),
    check(
      'approvals_kind_status_check',
      sql`${t.status} IN ('pending', 'denied', 'expired', 'cancelled')
        OR (${t.kind} = 'approval' AND ${t.status} = 'approved')
        OR (${t.kind} = 'question' AND ${t.status} = 'answered')
        OR (${t.kind} = 'unknown-outcome' AND ${t.status} IN ('retried', 'resolved'))`,
    ),
    // A1: decided is decided, by somebody, at some time.
    check(
      'approvals_decided_check',
      sql`(${t.status} = 'pending') = (${t.decidedAt} IS NULL)
        AND (${t.decidedAt} IS NULL) = (${t.decidedBy} IS NULL)`,
    ),
    check(
      'approvals_output_check',
      sql`(${t.status} IN ('answered', 'resolved')) = (${t.output} IS NOT NULL)`,
    ),
    check('approvals_edited_check', sql`${t.editedInput} IS NULL OR ${t.status} = 'approved'`),
    check('approvals_risk_check', sql`${t.risk} IN ('low', 'medium', 'high')`),
    check('approvals_on_expire_check', sql`${t.onExpire} IN ('deny', 'approve')`),
  ],
);

/** What was being talked about when a person was asked. */
export interface ApprovalContext {
  lastUserMessage: string;
  textSoFar: string;
}

/** What became of an approval and who did it, in order: written and never changed. */
export const approvalEvents = outlast.table(
  'approval_events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tenantId: tenantId(),
    approvalId: uuid('approval_id').notNull(),
    kind: text('kind').$type<ApprovalEventKind>().notNull(),
    by: text('by').notNull(),
    at: time('at').notNull().default(sql`clock_timestamp()`),
    detail: json('detail').$type<Record<string, unknown>>().notNull().default(sql`'{}'::json`),
  },
  (t) => [
    foreignKey({
      name: 'approval_events_approval_fkey',
      columns: [t.approvalId],
      foreignColumns: [approvals.id],
    }).onDelete('cascade'),
    index('approval_events_approval_idx').on(t.approvalId, t.id),
    index('approval_events_at_idx').on(t.at),
    check(
      'approval_events_kind_check',
      sql`${t.kind} IN ('requested', 'assigned', 'approved', 'denied', 'answered', 'retried', 'resolved', 'expired', 'cancelled')`,
    ),
  ],
);

/** Who ran an execution, from when to when, and why that ended: a row for each claim. */
export const executionAttempts = outlast.table(
  'execution_attempts',
  {
    executionId: uuid('execution_id')
      .notNull()
      .references(() => workflowExecutions.id, { onDelete: 'cascade' }),
    attempt: integer('attempt').notNull(),
    tenantId: tenantId(),
    segment: integer('segment').notNull(),
    workerId: text('worker_id').notNull(),
    host: text('host').notNull(),
    startedAt: time('started_at').notNull().defaultNow(),
    endedAt: time('ended_at'),
    endReason: text('end_reason'),
  },
  (t) => [
    primaryKey({ name: 'execution_attempts_pkey', columns: [t.executionId, t.attempt] }),
    check('execution_attempts_ended_check', sql`(${t.endedAt} IS NULL) = (${t.endReason} IS NULL)`),
    check(
      'execution_attempts_reason_check',
      sql`${t.endReason} IN ('crashed', 'lease-lost', 'drained', 'suspended', 'completed', 'failed', 'cancelled')`,
    ),
  ],
);

/** A process that runs executions, and its lease: gone from here means its lease is lost. */
export const workers = outlast.table('workers', {
  workerId: text('worker_id').primaryKey(),
  bootId: text('boot_id').notNull(),
  pidNamespace: text('pid_namespace').notNull(),
  pid: integer('pid').notNull(),
  processStart: text('process_start').notNull(),
  host: text('host').notNull(),
  version: text('version').notNull(),
  startedAt: time('started_at').notNull().defaultNow(),
  heartbeatAt: time('heartbeat_at').notNull().defaultNow(),
});

/**
 * What an outside receiver is told, written in the transaction of what it tells of. Its body never changes. A pending
 * one is due at `next_attempt_at`, which is never far when it was just written; whoever sends it holds it under
 * `leased_by` until `leased_until`.
 */
export const notifications = outlast.table(
  'notifications',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    type: text('type').$type<NotificationType>().notNull(),
    executionId: uuid('execution_id').notNull(),
    // Null when it tells of the execution itself.
    approvalId: uuid('approval_id'),
    // As text: its bytes are what is signed.
    body: text('body').notNull(),
    status: text('status').$type<NotificationStatus>().notNull().default('pending'),
    // How often it was taken to be sent, ever; numbers the deliveries, and fences whoever sends it.
    tries: integer('tries').notNull().default(0),
    // Since it was written, or was last asked to be sent again.
    failures: integer('failures').notNull().default(0),
    nextAttemptAt: time('next_attempt_at'),
    leasedBy: text('leased_by'),
    leasedUntil: time('leased_until'),
    endedAt: time('ended_at'),
    createdAt: time('created_at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    foreignKey({
      name: 'notifications_execution_fkey',
      columns: [t.executionId],
      foreignColumns: [workflowExecutions.id],
    }).onDelete('cascade'),
    unique('notifications_event_key').on(t.executionId, t.type, t.approvalId).nullsNotDistinct(),
    index('notifications_list_idx').on(t.tenantId, t.ownerId, t.createdAt, t.id),
    index('notifications_approval_idx').on(t.approvalId).where(sql`approval_id IS NOT NULL`),
    index('notifications_due_idx').on(t.nextAttemptAt).where(sql`status = 'pending'`),
    index('notifications_ended_idx').on(t.endedAt).where(sql`status <> 'pending'`),
    check(
      'notifications_type_check',
      sql`${t.type} IN ('approval.requested', 'approval.decided')
          AND ${t.approvalId} IS NOT NULL
        OR ${t.type} IN ('execution.completed', 'execution.failed', 'execution.cancelled', 'automation.paused')
          AND ${t.approvalId} IS NULL`,
    ),
    check('notifications_status_check', sql`${t.status} IN ('pending', 'delivered', 'failed')`),
    check(
      'notifications_pending_check',
      sql`(${t.status} = 'pending') = (${t.nextAttemptAt} IS NOT NULL)
        AND (${t.status} = 'pending') = (${t.endedAt} IS NULL)`,
    ),
    check(
      'notifications_lease_check',
      sql`(${t.leasedBy} IS NULL) = (${t.leasedUntil} IS NULL)
        AND (${t.leasedBy} IS NULL OR ${t.status} = 'pending')`,
    ),
  ],
);

/** One try to deliver a notification. Without a duration it is under way, or with an error, nobody knows its end. */
export const notificationDeliveries = outlast.table(
  'notification_deliveries',
  {
    notificationId: uuid('notification_id').notNull(),
    no: integer('no').notNull(),
    tenantId: tenantId(),
    startedAt: time('started_at').notNull().default(sql`clock_timestamp()`),
    durationMs: integer('duration_ms'),
    statusCode: integer('status_code'),
    error: text('error'),
    response: text('response'),
  },
  (t) => [
    primaryKey({ name: 'notification_deliveries_pkey', columns: [t.notificationId, t.no] }),
    foreignKey({
      name: 'notification_deliveries_notification_fkey',
      columns: [t.notificationId],
      foreignColumns: [notifications.id],
    }).onDelete('cascade'),
  ],
);

/** The first answer to a request that named a key; it commits together with what the request did. */
export const idempotencyKeys = outlast.table(
  'idempotency_keys',
  {
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    status: integer('status'),
    headers: json('headers').$type<Record<string, string>>(),
    body: json('body').$type<unknown>(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ name: 'idempotency_keys_pkey', columns: [t.tenantId, t.ownerId, t.key] }),
    index('idempotency_keys_created_idx').on(t.createdAt),
  ],
);

/** What programs show to be let in. The key itself is stored nowhere: `hash` is its SHA-256, `prefix` how it begins. */
export const apiKeys = outlast.table(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    // Null: it sees the whole tenant.
    ownerId: text('owner_id'),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    hash: text('hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: createdAt(),
    expiresAt: time('expires_at'),
    revokedAt: time('revoked_at'),
    // Behind by up to a minute.
    lastUsedAt: time('last_used_at'),
  },
  (t) => [
    unique('api_keys_prefix_key').on(t.prefix),
    check('api_keys_hash_check', sql`${t.hash} ~ '^[0-9a-f]{64}$'`),
  ],
);

/** A page of strangers, such as a chat on a public site: from where, with which agents, for how much work. */
export const apps = outlast.table(
  'apps',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    name: text('name').notNull(),
    // As `src/apps/origins.ts` writes them.
    allowedOrigins: text('allowed_origins').array().notNull(),
    // The first answers where nobody names one.
    agentIds: text('agent_ids').array().notNull(),
    sessionTtlSeconds: integer('session_ttl_seconds').notNull(),
    difficulty: integer('difficulty').notNull(),
    // What its challenges are signed with: never shown.
    challengeSecret: bytes('challenge_secret').notNull(),
    createdAt: createdAt(),
    disabledAt: time('disabled_at'),
  },
  (t) => [
    check('apps_origins_check', sql`cardinality(${t.allowedOrigins}) > 0`),
    check('apps_agents_check', sql`cardinality(${t.agentIds}) > 0`),
    check('apps_secret_check', sql`octet_length(${t.challengeSecret}) = 32`),
  ],
);

/** Challenges that a session was given for, by their signatures, until they could not be solved any more anyway. */
export const spentChallenges = outlast.table(
  'spent_challenges',
  {
    appId: uuid('app_id').notNull(),
    challenge: text('challenge').notNull(),
    tenantId: tenantId(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'spent_challenges_pkey', columns: [t.appId, t.challenge] }),
    foreignKey({
      name: 'spent_challenges_app_fkey',
      columns: [t.appId],
      foreignColumns: [apps.id],
    }).onDelete('cascade'),
    index('spent_challenges_expires_idx').on(t.expiresAt),
  ],
);

/**
 * What is given out for a short time. The token itself is stored nowhere: `hash` is its SHA-256. One of kind `stream`
 * leads to one thread or one execution, and is gone with it; one of kind `session` lets a stranger on a page of an app
 * have threads of their own.
 */
export const accessTokens = outlast.table(
  'access_tokens',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    // Whose things it leads to.
    ownerId: text('owner_id').notNull(),
    kind: text('kind').$type<'stream' | 'session'>().notNull(),
    hash: text('hash').notNull(),
    threadNo: bigint('thread_no', { mode: 'number' }),
    executionId: uuid('execution_id'),
    scope: text('scope').$type<TokenScope>(),
    // In whose name it acts: a user, or `key:ID`.
    madeBy: text('made_by').notNull(),
    // The key that it was made with, and ends with.
    apiKeyId: uuid('api_key_id'),
    // The app whose pages may show it; it ends with that.
    appId: uuid('app_id'),
    createdAt: createdAt(),
    expiresAt: time('expires_at').notNull(),
    revokedAt: time('revoked_at'),
  },
  (t) => [
    unique('access_tokens_hash_key').on(t.hash),
    foreignKey({
      name: 'access_tokens_thread_fkey',
      columns: [t.threadNo],
      foreignColumns: [threads.no],
    }).onDelete('cascade'),
    foreignKey({
      name: 'access_tokens_execution_fkey',
      columns: [t.executionId],
      foreignColumns: [workflowExecutions.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'access_tokens_api_key_fkey',
      columns: [t.apiKeyId],
      foreignColumns: [apiKeys.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'access_tokens_app_fkey',
      columns: [t.appId],
      foreignColumns: [apps.id],
    }).onDelete('cascade'),
    index('access_tokens_thread_idx').on(t.threadNo).where(sql`thread_no IS NOT NULL`),
    index('access_tokens_execution_idx').on(t.executionId).where(sql`execution_id IS NOT NULL`),
    index('access_tokens_expires_idx').on(t.expiresAt),
    check('access_tokens_kind_check', sql`${t.kind} IN ('stream', 'session')`),
    check('access_tokens_session_check', sql`(${t.kind} = 'session') = (${t.appId} IS NOT NULL)`),
    check('access_tokens_hash_check', sql`${t.hash} ~ '^[0-9a-f]{64}$'`),
    check('access_tokens_scope_check', sql`${t.scope} IN ('read', 'decide', 'cancel', 'write')`),
    // Of one thing, for one purpose; `write` is about threads.
    check(
      'access_tokens_stream_check',
      sql`${t.kind} <> 'stream' OR ${t.scope} IS NOT NULL AND num_nonnulls(${t.threadNo}, ${t.executionId}) = 1
        AND (${t.scope} <> 'write' OR ${t.threadNo} IS NOT NULL)`,
    ),
  ],
);

/**
 * How much of its limit somebody has taken: at `free_at` all of it is there again. Unlogged: a crash of Postgres forgets
 * it, and no commit waits for the disk. `key` is a hash, for what is limited may be an address.
 */
export const rateLimits = outlast.table('rate_limits', {
  key: text('key').primaryKey(),
  // Without an index: that would cost each update its room in the page, and the table is as small as who is active.
  freeAt: time('free_at').notNull(),
});

/**
 * Who did what, and to whose things. Written in the transaction of what it tells, and never changed: a trigger refuses
 * that to everybody. It refers to nothing, for it outlives what it is about. Its actions: `src/audit/actions.ts`.
 */
export const auditLog = outlast.table(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    // Null: the whole tenant's.
    ownerId: text('owner_id'),
    actorKind: text('actor_kind').$type<ActorKind>().notNull(),
    actor: text('actor').notNull(),
    via: text('via'),
    action: text('action').$type<AuditAction>().notNull(),
    subjectType: text('subject_type').$type<AuditSubject>().notNull(),
    subjectId: text('subject_id').notNull(),
    executionId: uuid('execution_id'),
    threadId: text('thread_id'),
    requestId: text('request_id'),
    details: json('details').$type<Record<string, unknown>>().notNull().default(sql`'{}'::json`),
    at: time('at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    index('audit_log_list_idx').on(t.tenantId, t.at, t.id),
    index('audit_log_subject_idx').on(t.tenantId, t.subjectId, t.at, t.id),
    check(
      'audit_log_actor_kind_check',
      sql`${t.actorKind} IN ('open', 'api-key', 'user', 'token', 'session', 'command', 'system')`,
    ),
  ],
);

/** What starts executions by itself. Its settings are as its owner gave them; the rest is how it stands. */
export const automations = outlast.table(
  'automations',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    ownerId: text('owner_id').notNull(),
    name: text('name').notNull(),
    agentId: text('agent_id').notNull(),
    input: text('input').notNull(),
    threadMode: text('thread_mode').$type<AutomationSettings['threadMode']>().notNull(),
    trigger: json('trigger').$type<Trigger>().notNull(),
    // Of a webhook, encrypted for this row.
    sealedSecret: text('sealed_secret'),
    triggerType: text('trigger_type').$type<Trigger['type']>().notNull(),
    eventName: text('event_name'),
    enabled: boolean('enabled').notNull(),
    pausedReason: text('paused_reason').$type<'request' | 'failures'>(),
    maxConcurrent: integer('max_concurrent').notNull(),
    onBusy: text('on_busy').$type<'skip' | 'enqueue'>().notNull(),
    catchUp: text('catch_up').$type<AutomationSettings['catchUp']>().notNull(),
    maxAttempts: integer('max_attempts').notNull(),
    approvalPolicy: text('approval_policy').$type<ApprovalPolicy>().notNull(),
    // 0: never.
    pauseAfterFailures: integer('pause_after_failures').notNull(),
    failuresInRow: integer('failures_in_row').notNull().default(0),
    // The first due time of its schedule that is not dealt with yet; null when it has none, or is paused.
    nextDueAt: time('next_due_at'),
    createdAt: time('created_at').notNull().default(sql`clock_timestamp()`),
    updatedAt: time('updated_at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    index('automations_list_idx').on(t.tenantId, t.ownerId, t.createdAt, t.id),
    index('automations_tenant_list_idx').on(t.tenantId, t.createdAt, t.id),
    index('automations_due_idx').on(t.nextDueAt).where(sql`next_due_at IS NOT NULL`),
    index('automations_event_idx').on(t.tenantId, t.eventName).where(sql`enabled AND event_name IS NOT NULL`),
    check('automations_trigger_check', sql`${t.triggerType} IN ('schedule', 'webhook', 'event')`),
    check('automations_secret_check', sql`${t.sealedSecret} IS NULL OR ${t.triggerType} = 'webhook'`),
    check('automations_event_check', sql`(${t.triggerType} = 'event') = (${t.eventName} IS NOT NULL)`),
    check(
      'automations_due_check',
      sql`${t.nextDueAt} IS NULL OR (${t.enabled} AND ${t.triggerType} = 'schedule')`,
    ),
    check(
      'automations_paused_check',
      sql`${t.enabled} = (${t.pausedReason} IS NULL) AND ${t.pausedReason} IN ('request', 'failures')`,
    ),
    check('automations_thread_mode_check', sql`${t.threadMode} IN ('new', 'same')`),
    check('automations_on_busy_check', sql`${t.onBusy} IN ('skip', 'enqueue')`),
    check('automations_catch_up_check', sql`${t.catchUp} IN ('none', 'last')`),
    check('automations_approval_policy_check', sql`${t.approvalPolicy} IN ('ask', 'deny')`),
    check(
      'automations_limits_check',
      sql`${t.maxConcurrent} >= 1 AND ${t.maxAttempts} >= 1 AND ${t.pauseAfterFailures} >= 0
        AND ${t.failuresInRow} >= 0`,
    ),
  ],
);

/** One occurrence of an automation, under its natural key: what set it off happens once, however often it is told. */
export const firings = outlast.table(
  'firings',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    automationId: uuid('automation_id').notNull(),
    cause: text('cause').$type<FiringCause>().notNull(),
    // The due time, the id of the delivery or the event, or one of its own if somebody asked for it.
    key: text('key').notNull(),
    scheduledFor: time('scheduled_for').notNull(),
    status: text('status').$type<FiringStatus>().notNull(),
    reason: text('reason'),
    // Occurrences that this row stands for.
    count: integer('count').notNull().default(1),
    // How many firings led to it, each by an event of the execution before.
    depth: integer('depth').notNull(),
    // What the agent is to be told, while it waits for a place.
    input: json('input').$type<string>(),
    attempts: integer('attempts').notNull().default(0),
    // Of the latest attempt; it stays when that is deleted.
    executionId: uuid('execution_id'),
    // When the next attempt is due.
    retryAt: time('retry_at'),
    createdAt: time('created_at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [
    foreignKey({
      name: 'firings_automation_fkey',
      columns: [t.automationId],
      foreignColumns: [automations.id],
    }).onDelete('cascade'),
    unique('firings_key').on(t.automationId, t.cause, t.key),
    index('firings_list_idx').on(t.automationId, t.createdAt, t.id),
    index('firings_created_idx').on(t.createdAt),
    index('firings_enqueued_idx').on(t.automationId, t.createdAt, t.id).where(sql`status = 'enqueued'`),
    index('firings_retry_idx').on(t.retryAt, t.automationId).where(sql`retry_at IS NOT NULL`),
    check('firings_cause_check', sql`${t.cause} IN ('schedule', 'webhook', 'event', 'request')`),
    check('firings_status_check', sql`${t.status} IN ('fired', 'enqueued', 'skipped', 'failed')`),
    check('firings_count_check', sql`${t.count} = 1 OR (${t.count} > 1 AND ${t.status} = 'skipped')`),
    check('firings_input_check', sql`(${t.status} = 'enqueued') = (${t.input} IS NOT NULL)`),
    check('firings_retry_check', sql`${t.retryAt} IS NULL OR ${t.status} = 'fired'`),
    check('firings_reason_check', sql`${t.status} = 'fired' OR ${t.reason} IS NOT NULL`),
  ],
);

/**
 * One row: when a worker last looked for what is due, and when somebody looked again after nobody had for too long.
 * What was due before that was missed.
 */
export const scheduleClock = outlast.table(
  'schedule_clock',
  {
    id: boolean('id').primaryKey().default(true),
    lookedAt: time('looked_at').notNull(),
    downUntil: time('down_until'),
  },
  (t) => [check('schedule_clock_one_row_check', sql`${t.id}`)],
);
