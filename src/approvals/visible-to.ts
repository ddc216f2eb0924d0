import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { approvals } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';

/** What a caller may know of: the approvals of their own threads, and those that name them. */
export function visibleTo(scope: Scope): SQL {
  return or(within(approvals, scope), naming(scope)) as SQL;
}

/**
 * What a caller may decide of that, in two parts that have no row in common: approvals of their own threads that name
 * nobody, and those that name them. Each part has an index of its own; a list reads one after the other.
 */
export function decidableBy(scope: Scope): readonly [own: SQL, named: SQL] {
  return [and(within(approvals, scope), isNull(approvals.approvers)) as SQL, naming(scope)];
}

/** Whether a caller may decide what they see: where approvers are named, only they. */
export function mayDecide(
  scope: Scope,
  approval: Pick<typeof approvals.$inferSelect, 'ownerId' | 'approvers'>,
): boolean {
  return (approval.approvers ?? [approval.ownerId]).includes(scope.ownerId);
}

function naming(scope: Scope): SQL {
  return and(
    eq(approvals.tenantId, scope.tenantId),
    sql`${approvals.approvers} @> ARRAY[${scope.ownerId}]::text[]`,
  ) as SQL;
}
