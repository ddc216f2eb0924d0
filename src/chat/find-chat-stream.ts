import { and, asc, desc, eq, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { isThread, type Scope, within } from '../db/scope.ts';
import { threadIdSchema } from '../threads/view.ts';

/** The stream that a chat goes on with. */
export interface ChatStream {
  executionId: string;
  messageId: string;
  /** The client counts from this seq on, as its POST was answered from there; undefined: from the first row. */
  base: number | undefined;
}

/** A stream that ended so long ago is still given: the client may have missed its end, and a replay does no harm. */
const JUST_ENDED = sql`interval '5 seconds'`;

const RUN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:~(\d{1,9}))?$/i;

/**
 * What to resume by the id of a thread, or by the one that a POST was answered with (`x-workflow-run-id`): of a
 * thread the execution that runs or waits for a person, else the next to run, else one that has just ended.
 */
export async function findChatStream(
  db: Executor,
  scope: Scope,
  id: string,
): Promise<ChatStream | undefined> {
  if (threadIdSchema.safeParse(id).success) {
    const found = (await findUnfinished(db, scope, id)) ?? (await findJustEnded(db, scope, id));
    if (found !== undefined) return { ...found, base: undefined };
  }
  const [, executionId, base] = RUN.exec(id) ?? [];
  if (executionId === undefined) return undefined;
  const execution = await findExecution(db, scope, executionId);
  return execution && { ...execution, base: base === undefined ? undefined : Number(base) };
}

const COLUMNS = { executionId: workflowExecutions.id, messageId: workflowExecutions.messageId };

async function findUnfinished(db: Executor, scope: Scope, threadId: string) {
  const [found] = await ofThread(db, scope, threadId, sql`${workflowExecutions.finishedAt} IS NULL`)
    .orderBy(asc(workflowExecutions.ordinal))
    .limit(1);
  return found;
}

async function findJustEnded(db: Executor, scope: Scope, threadId: string) {
  const isRecent = sql`${workflowExecutions.finishedAt} > clock_timestamp() - ${JUST_ENDED}`;
  const [found] = await ofThread(db, scope, threadId, isRecent)
    .orderBy(desc(workflowExecutions.ordinal))
    .limit(1);
  return found;
}

function ofThread(db: Executor, scope: Scope, threadId: string, which: ReturnType<typeof sql>) {
  return db
    .select(COLUMNS)
    .from(workflowExecutions)
    .innerJoin(threads, eq(threads.no, workflowExecutions.threadNo))
    .where(and(isThread(scope, threadId), which));
}

async function findExecution(db: Executor, scope: Scope, executionId: string) {
  const [found] = await db
    .select(COLUMNS)
    .from(workflowExecutions)
    .where(and(within(workflowExecutions, scope), eq(workflowExecutions.id, executionId)));
  return found;
}
