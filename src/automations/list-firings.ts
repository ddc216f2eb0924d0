import { and, desc, eq, getTableColumns, inArray } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, microsOf, type Page, type PageCursor, paginate } from '../db/page.ts';
import { firings } from '../db/schema.ts';
import type { Scope } from '../db/scope.ts';
import type { FiringStatus } from './firing-status.ts';
import { getAutomation } from './get-automation.ts';
import { type Firing, toFiring } from './view.ts';

/** The firings of an automation, newest first. @throws Problem not-found */
export async function listFirings(
  db: Executor,
  scope: Scope,
  automationId: string,
  { status }: { status?: readonly FiringStatus[] | undefined },
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Firing>> {
  await getAutomation(db, scope, automationId);
  const selected = await db
    .select({ ...getTableColumns(firings), createdAtMicros: microsOf(firings.createdAt) })
    .from(firings)
    .where(
      and(
        eq(firings.automationId, automationId),
        status && inArray(firings.status, [...status]),
        afterCursor(firings, page.cursor),
      ),
    )
    .orderBy(desc(firings.createdAt), desc(firings.id))
    .limit(page.limit + 1);
  return paginate(selected, page.limit, toFiring, (row) => ({
    micros: Number(row.createdAtMicros),
    id: row.id,
  }));
}
