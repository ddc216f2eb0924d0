import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { threads } from './schema.ts';

/** Whose data a query may touch. Every query that answers a caller takes one. */
export interface Scope {
  readonly tenantId: string;
  /** Whose the things are that it makes, and in whose name it acts. */
  readonly ownerId: string;
  /** It sees everybody's things in its tenant. */
  readonly seesTenant?: boolean;
  /** By which approvers may be named, beside their ids. */
  readonly roles?: readonly string[];
}

/** The one scope of open mode, where nobody is asked who they are. */
export const OPEN_SCOPE: Scope = Object.freeze({ tenantId: 'default', ownerId: 'local' });

/** The condition that keeps a query inside its scope. */
export function within(table: { tenantId: AnyPgColumn; ownerId: AnyPgColumn }, scope: Scope): SQL {
  const isInTenant = eq(table.tenantId, scope.tenantId);
  if (scope.seesTenant === true) return isInTenant;
  return and(isInTenant, eq(table.ownerId, scope.ownerId)) as SQL;
}

/** The columns of what is made in a scope. */
export function owned({ tenantId, ownerId }: Scope): { tenantId: string; ownerId: string } {
  return { tenantId, ownerId };
}

/**
 * The condition for the one thread that is meant by an id, which is unique per owner only. Whoever sees the whole
 * tenant means a thread of their own, else the only one by that id; where several owners have one, none.
 */
export function isThread(scope: Scope, id: string): SQL {
  if (scope.seesTenant !== true) return and(within(threads, scope), eq(threads.id, id)) as SQL;
  return sql`${threads.no} = (
    SELECT coalesce(min(t.no) FILTER (WHERE t.owner_id = ${scope.ownerId}),
      CASE count(*) WHEN 1 THEN min(t.no) END)
    FROM outlast.threads t WHERE t.tenant_id = ${scope.tenantId} AND t.id = ${id})`;
}
