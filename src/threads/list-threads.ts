import { and, desc, eq, gte, lt, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, type Page, type PageCursor, paginate } from '../db/page.ts';
import { threads } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { selectThreads, type Thread, toThread } from './view.ts';

export interface ThreadFilter {
  agentId?: string | undefined;
  /** Inclusive. */
  createdAfter?: Date | undefined;
  /** Exclusive. */
  createdBefore?: Date | undefined;
  /** Each key must have this value, as text. */
  metadata?: readonly (readonly [key: string, value: string])[] | undefined;
}

/** Threads, newest first. */
export async function listThreads(
  db: Executor,
  scope: Scope,
  filter: ThreadFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Thread>> {
  const where = and(...conditions(scope, filter), afterCursor(threads, page.cursor)) as SQL;
  const selected = await selectThreads(db, where)
    .orderBy(desc(threads.createdAt), desc(threads.id))
    .limit(page.limit + 1);
  const { data, nextCursor } = paginate(
    selected,
    page.limit,
    (row) => row,
    (row) => ({ micros: Number(row.createdAtMicros), id: row.id }),
  );
  return { data: await Promise.all(data.map(toThread)), nextCursor };
}

function conditions(scope: Scope, filter: ThreadFilter): (SQL | undefined)[] {
  return [
    within(threads, scope),
    filter.agentId === undefined ? undefined : eq(threads.agentId, filter.agentId),
    filter.createdAfter && gte(threads.createdAt, filter.createdAfter),
    filter.createdBefore && lt(threads.createdAt, filter.createdBefore),
    ...(filter.metadata ?? []).map(([key, value]) => sql`${threads.metadata} ->> ${key}::text = ${value}`),
  ];
}
