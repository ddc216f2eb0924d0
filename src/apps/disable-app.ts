import { eq, sql } from 'drizzle-orm';
import { COMMAND } from '../audit/actor.ts';
import { auditChange } from '../audit/record-audit.ts';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';

/**
 * Ends an app and its sessions, for good, at the command line, and writes that down; one that is disabled already stays
 * so since then.
 * @returns false when there is no such app
 */
export async function disableApp(db: Executor, id: string): Promise<boolean> {
  const isMeant = eq(sql`${apps.id}::text`, id);
  await auditChange(db, COMMAND, 'app.disabled', {
    change: sql`
      UPDATE ${apps} SET disabled_at = clock_timestamp() WHERE ${isMeant} AND ${apps.disabledAt} IS NULL
      RETURNING id, tenant_id, NULL AS owner_id, name`,
    details: sql`json_build_object('name', name)`,
  });
  const found = await db.select({ id: apps.id }).from(apps).where(isMeant);
  return found.length > 0;
}
