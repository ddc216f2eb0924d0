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

/** What a caller may decide of that: where approvers are named, only they. */
export function decidableBy(scope: Scope): SQL {
  return or(
    and(within(approvals, scope), sql`${approvals.approvers} IS NULL`),
    and(
      eq(approvals.tenantId, scope.tenantId),
      sql`${approvals.approvers} @> ARRAY[${scope.ownerId}]::text[]`,
    ),
  ) as SQL;
}

/** The same of an approval at hand. */
export function mayDecide(
  scope: Scope,
  approval: Pick<typeof approvals.$inferSelect, 'ownerId' | 'approvers'>,
): boolean {
  return (approval.approvers ?? [approval.ownerId]).includes(scope.ownerId);
}
