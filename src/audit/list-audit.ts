import { and, desc, eq, getTableColumns, gte, inArray, lt, type SQL } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, microsOf, type Page, type PageCursor, paginate } from '../db/page.ts';
import { auditLog } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import type { AuditAction, AuditSubject } from './actions.ts';
import { type AuditedEntry, toAuditEntry } from './view.ts';

export interface AuditFilter {
  action?: readonly AuditAction[] | undefined;
  actor?: string | undefined;
  subjectType?: AuditSubject | undefined;
  subjectId?: string | undefined;
  executionId?: string | undefined;
  threadId?: string | undefined;
  /** Inclusive. */
  createdAfter?: Date | undefined;
  /** Exclusive. */
  createdBefore?: Date | undefined;
}

/** What was done to the things that a caller sees, newest first. */
export async function listAudit(
  db: Executor,
  scope: Scope,
  filter: AuditFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<AuditedEntry>> {
  const place = { createdAt: auditLog.at, id: auditLog.id };
  const selected = await db
    .select({ row: getTableColumns(auditLog), atMicros: microsOf(auditLog.at) })
    .from(auditLog)
    .where(and(...conditions(scope, filter), afterCursor(place, page.cursor)))
    .orderBy(desc(auditLog.at), desc(auditLog.id))
    .limit(page.limit + 1);
  return paginate(
    selected,
    page.limit,
    ({ row }) => toAuditEntry(row),
    ({ row, atMicros }) => ({ micros: Number(atMicros), id: row.id }),
  );
}

function conditions(scope: Scope, filter: AuditFilter): (SQL | undefined)[] {
  const t = auditLog;
  return [
    within(t, scope),
    filter.action && inArray(t.action, [...filter.action]),
    filter.actor === undefined ? undefined : eq(t.actor, filter.actor),
    filter.subjectType && eq(t.subjectType, filter.subjectType),
    filter.subjectId === undefined ? undefined : eq(t.subjectId, filter.subjectId),
    filter.executionId === undefined ? undefined : eq(t.executionId, filter.executionId),
    filter.threadId === undefined ? undefined : eq(t.threadId, filter.threadId),
    filter.createdAfter && gte(t.at, filter.createdAfter),
    filter.createdBefore && lt(t.at, filter.createdBefore),
  ];
}
