import { and, eq, type SQL } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';

/** Whose data a query may touch. Every query that answers a caller takes one. */
export interface Scope {
  readonly tenantId: string;
  readonly ownerId: string;
}

/** The one scope of open mode, where nobody is asked who they are. */
export const OPEN_SCOPE: Scope = Object.freeze({ tenantId: 'default', ownerId: 'local' });

/** The condition that keeps a query inside its scope. */
export function within(table: { tenantId: AnyPgColumn; ownerId: AnyPgColumn }, scope: Scope): SQL {
  return and(eq(table.tenantId, scope.tenantId), eq(table.ownerId, scope.ownerId)) as SQL;
}
