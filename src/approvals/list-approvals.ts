import { and, asc, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, type Page, type PageCursor, paginate } from '../db/page.ts';
import { approvals, threads } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import type { ApprovalKind, ApprovalStatus } from './status.ts';
import { type Approval, selectApprovals, toApproval } from './view.ts';
import { decidableBy } from './visible-to.ts';

export interface ApprovalFilter {
  /** Default: pending. */
  status?: readonly ApprovalStatus[] | undefined;
  agentId?: string | undefined;
  toolName?: string | undefined;
  kind?: ApprovalKind | undefined;
  assignee?: string | undefined;
  threadId?: string | undefined;
  executionId?: string | undefined;
  /** Exclusive. */
  expiresBefore?: Date | undefined;
}

/**
 * What a caller may decide, oldest first. Each status of each part is read from its index in the order of the list
 * and no further than the page; with an OR all of them would be fetched and sorted: 180 ms instead of 1.2 with 26,000
 * pending among 200,000.
 */
export async function listApprovals(
  db: Executor,
  scope: Scope,
  filter: ApprovalFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Approval>> {
  const selected = await selectApprovals(db, sql`${approvals.id} IN (${onPage(scope, filter, page)})`)
    .orderBy(asc(approvals.createdAt), asc(approvals.id))
    .limit(page.limit + 1);
  return paginate(selected, page.limit, toApproval, ({ row, createdAtMicros }) => ({
    micros: Number(createdAtMicros),
    id: row.id,
  }));
}

function onPage(
  scope: Scope,
  filter: ApprovalFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): SQL {
  const others = [...conditions(filter), afterCursor(approvals, page.cursor, 'oldest')];
  const statuses = new Set<ApprovalStatus>(filter.status ?? ['pending']);
  const stretches = [...statuses].flatMap((status) =>
    decidableBy(scope).map(
      (part) => sql`(
        SELECT ${approvals.id} FROM ${approvals}
        WHERE ${and(part, eq(approvals.status, status), ...others)}
        ORDER BY ${approvals.createdAt}, ${approvals.id} LIMIT ${page.limit + 1})`,
    ),
  );
  return sql.join(stretches, sql` UNION ALL `);
}

function conditions(filter: ApprovalFilter): (SQL | undefined)[] {
  const t = approvals;
  return [
    filter.agentId === undefined ? undefined : eq(t.agentId, filter.agentId),
    filter.toolName === undefined ? undefined : eq(t.toolName, filter.toolName),
    filter.kind && eq(t.kind, filter.kind),
    filter.assignee === undefined ? undefined : eq(t.assignee, filter.assignee),
    // The thread may be another owner's, whose approval names the caller.
    filter.threadId === undefined
      ? undefined
      : sql`${t.threadNo} IN (SELECT ${threads.no} FROM ${threads}
          WHERE ${threads.tenantId} = ${t.tenantId} AND ${threads.ownerId} = ${t.ownerId}
            AND ${threads.id} = ${filter.threadId})`,
    filter.executionId === undefined ? undefined : eq(t.executionId, filter.executionId),
    filter.expiresBefore && lt(t.expiresAt, filter.expiresBefore),
  ];
}
