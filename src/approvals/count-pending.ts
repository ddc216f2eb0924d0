import { and, count, eq, or } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { approvals } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import { decidableBy } from './visible-to.ts';

/** How many approvals wait for a caller: as many as the list has. */
export async function countPending(db: Executor, scope: Scope): Promise<number> {
  const [row] = await db
    .select({ pending: count() })
    .from(approvals)
    .where(and(eq(approvals.status, 'pending'), or(...decidableBy(scope))));
  return row?.pending ?? 0;
}
