import { parsePartialJson } from 'ai';
import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '../db/database.ts';
import { microsOf } from '../db/page.ts';
import { threads } from '../db/schema.ts';

/** An id that a client may choose. */
export const threadIdSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, {
  error: 'must be 1 to 128 letters, digits, "_", ".", ":" or "-", and begin with a letter or digit',
});

const THREAD_STATUSES = ['idle', 'queued', 'running', 'suspended'] as const;
const PREVIEW_CHARACTERS = 120;
/** How much of a message is read for its preview. */
const PREVIEW_JSON = 20_000;

/** A thread as clients see it. */
export const threadSchema = z
  .object({
    id: z.string(),
    title: z.string().nullable(),
    agentId: z.string().nullable().meta({ description: 'The agent that answered last.' }),
    status: z.enum(THREAD_STATUSES),
    activeExecutionId: z.uuid().nullable(),
    pendingApprovals: z.int(),
    lastMessagePreview: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Thread', description: 'The ordered messages of one conversation.' });

export type Thread = z.output<typeof threadSchema>;

// `threads.no` stands written out: in a select from one table Drizzle would leave out the table's name.

/** The first execution that is not final: it runs, waits for a person, or is the next to run. */
const firstUnfinished = (column: SQL) => sql<string | null>`(
  SELECT ${column} FROM outlast.workflow_executions e
  WHERE e.thread_no = threads.no AND e.finished_at IS NULL ORDER BY e.ordinal LIMIT 1)`;

/** What people are asked about; only what is not final has any. */
const pendingApprovals = sql<number>`(
  SELECT count(*)::integer FROM outlast.workflow_executions e
  JOIN outlast.approvals a ON a.execution_id = e.id AND a.status = 'pending'
  WHERE e.thread_no = threads.no AND e.finished_at IS NULL)`;

/** The beginning of the last message, without the content of files, which can be a megabyte each. */
const lastMessageStart = sql<string | null>`(
  SELECT left(regexp_replace(m.parts::text, '"url":"data:[^"\\\\]*"', '"url":""', 'g'), ${sql.raw(String(PREVIEW_JSON))})
  FROM outlast.messages m WHERE m.thread_no = threads.no ORDER BY m.position DESC LIMIT 1)`;

/** Threads with all that their JSON needs; the caller adds the order and the limit. */
export function selectThreads(db: Executor, where: SQL) {
  return db
    .select({
      id: threads.id,
      title: threads.title,
      agentId: threads.agentId,
      metadata: threads.metadata,
      createdAt: threads.createdAt,
      updatedAt: threads.updatedAt,
      createdAtMicros: microsOf(threads.createdAt),
      activeExecutionId: firstUnfinished(sql`e.id`).as('active_id'),
      activeStatus: firstUnfinished(sql`e.status`).as('active_status'),
      pendingApprovals: pendingApprovals.as('pending_approvals'),
      lastMessageStart: lastMessageStart.as('last_message_start'),
    })
    .from(threads)
    .where(where)
    .$dynamic();
}

type Selected = Awaited<ReturnType<typeof selectThreads>>[number];

/** The JSON of a thread from its row. */
export async function toThread(row: Selected): Promise<Thread> {
  return {
    id: row.id,
    title: row.title,
    agentId: row.agentId,
    status: (row.activeStatus as Thread['status'] | null) ?? 'idle',
    activeExecutionId: row.activeExecutionId,
    pendingApprovals: row.pendingApprovals,
    lastMessagePreview: row.lastMessageStart === null ? null : await previewOf(row.lastMessageStart),
    metadata: row.metadata,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The first characters of a message's text, from the beginning of the JSON of its parts. */
async function previewOf(start: string): Promise<string> {
  const { value } = await parsePartialJson(start);
  const parts = (Array.isArray(value) ? value : []) as { type?: unknown; text?: unknown }[];
  const texts = parts.map((part) =>
    part?.type === 'text' && typeof part.text === 'string' ? part.text : '',
  );
  const text = texts.filter((each) => each !== '').join(' ');
  return [...text].slice(0, PREVIEW_CHARACTERS).join('');
}
