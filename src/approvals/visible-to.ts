import { and, eq, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm';
import { approvals } from '../db/schema.ts';
import { isGiven, isOf, type Scope, within } from '../db/scope.ts';

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
  approval: Pick<typeof approvals.$inferSelect, 'ownerId' | 'approvers' | 'threadNo' | 'executionId'>,
): boolean {
  const { ownerId, approvers } = approval;
  if (!isGiven(approval, scope.only)) return false;
  if (approvers === null) return scope.seesTenant === true || ownerId === scope.ownerId;
  const names = namesOf(scope);
  return approvers.some((approver) => names.includes(approver));
}

/** What approvers may call a caller: by the id, or by a role as `role:NAME`, which no id can be. */
function namesOf({ ownerId, roles = [] }: Scope): string[] {
  return [ownerId, ...roles.map((role) => `role:${role}`)];
}

function naming(scope: Scope): SQL {
  const names = sql.join(
    namesOf(scope).map((name) => sql`${name}`),
    sql`, `,
  );
  return and(
    eq(approvals.tenantId, scope.tenantId),
    isNotNull(approvals.approvers),
    sql`${approvals.approvers} && ARRAY[${names}]::text[]`,
    isOf(approvals, scope.only),
  ) as SQL;
}
