import { and, desc, eq, getTableColumns } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { afterCursor, microsOf, type Page, type PageCursor, paginate } from '../db/page.ts';
import { automations } from '../db/schema.ts';
import { type Scope, within } from '../db/scope.ts';
import { type Automation, toAutomation } from './view.ts';

export interface AutomationFilter {
  agentId?: string | undefined;
  enabled?: boolean | undefined;
}

/** Automations, newest first. */
export async function listAutomations(
  db: Executor,
  scope: Scope,
  filter: AutomationFilter,
  page: { limit: number; cursor?: PageCursor | undefined },
): Promise<Page<Automation>> {
  const { agentId, enabled, createdAt, id } = automations;
  const conditions = [
    within(automations, scope),
    filter.agentId === undefined ? undefined : eq(agentId, filter.agentId),
    filter.enabled === undefined ? undefined : eq(enabled, filter.enabled),
  ];
  const selected = await db
    .select({ ...getTableColumns(automations), createdAtMicros: microsOf(automations.createdAt) })
    .from(automations)
    .where(and(...conditions, afterCursor(automations, page.cursor)))
    .orderBy(desc(createdAt), desc(id))
    .limit(page.limit + 1);
  return paginate(selected, page.limit, toAutomation, (row) => ({
    micros: Number(row.createdAtMicros),
    id: row.id,
  }));
}
