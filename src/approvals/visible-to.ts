import { and, eq, or, type SQL, sql } from 'drizzle-orm';
import { approvals } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';

/** What a caller may know of: the approvals of their own threads, and those that name them. */
export function visibleTo(scope: Scope): SQL {
  return or(
    within(approvals, scope),
    and(
      eq(approvals.tenantId, scope.tenantId),
      sql`${approvals.approvers} @> ARRAY[${scope.ownerId}]::text[]`,
    ),
  ) as SQL;
}

/** Whether a caller may decide what they see: where approvers are named, only they. */
export function mayDecide(
  scope: Scope,
  approval: Pick<typeof approvals.$inferSelect, 'ownerId' | 'approvers'>,
): boolean {
  return (approval.approvers ?? [approval.ownerId]).includes(scope.ownerId);
}
