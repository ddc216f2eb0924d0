import { and, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, type Page, type PageCursor, paginate } from '../db/page.ts';
import { threads, workflowExecutions } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import type { ExecutionStatus } from './status.ts';
import { type Execution, selectExecutions, toExecution } from './view.ts';

export interface ExecutionFilter {
  status?: readonly ExecutionStatus[] | undefined;
  agentId?: string | undefined;
  threadId?: string | undefined;
  source?: string | undefined;
  automationId?: string | undefined;
  /** Inclusive. */
  createdAfter?: Date | undefined;
  /** Exclusive. */
  createdBefore?: Date | undefined;
  /** Each key must have this value, as text. */
  metadata?: readonly (readonly [key: string, value: string])[] | undefined;
}

/** Executions, newest first. */
export async function listExecutions(
  db: Executor,
  scope: Scope,
  filter: ExecutionFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Execution>> {
  const { createdAt, id } = workflowExecutions;
  const where = and(...conditions(scope, filter), afterCursor(workflowExecutions, page.cursor)) as SQL;
  const selected = await selectExecutions(db, where)
    .orderBy(desc(createdAt), desc(id))
    .limit(page.limit + 1);
  return paginate(selected, page.limit, toExecution, ({ row, createdAtMicros }) => ({
    micros: Number(createdAtMicros),
    id: row.id,
  }));
}

function conditions(scope: Scope, filter: ExecutionFilter): (SQL | undefined)[] {
  const t = workflowExecutions;
  return [
    within(t, scope),
    filter.status && inArray(t.status, [...filter.status]),
    filter.agentId === undefined ? undefined : eq(t.agentId, filter.agentId),
    filter.threadId === undefined ? undefined : eq(threads.id, filter.threadId),
    filter.source === undefined ? undefined : eq(t.source, filter.source),
    filter.automationId === undefined ? undefined : eq(t.automationId, filter.automationId),
    filter.createdAfter && gte(t.createdAt, filter.createdAfter),
    filter.createdBefore && lt(t.createdAt, filter.createdBefore),
    ...(filter.metadata ?? []).map(([key, value]) => sql`${t.metadata} ->> ${key}::text = ${value}`),
  ];
}
