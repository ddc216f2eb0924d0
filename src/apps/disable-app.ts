import { eq, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { AuditAction } from '../audit/actions.ts';
import { COMMAND } from '../audit/actor.ts';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';

const DISABLED: AuditAction = 'app.disabled';

/**
 * Ends an app and its sessions, for good, at the command line, and writes that down; one that is disabled already stays
 * so since then.
 * @returns false when there is no such app
 */
export async function disableApp(db: Executor, id: string): Promise<boolean> {
  const isMeant = eq(sql`${apps.id}::text`, id);
  await db.execute(sql`
    WITH disabled AS (
      UPDATE ${apps} SET disabled_at = clock_timestamp() WHERE ${isMeant} AND ${apps.disabledAt} IS NULL
      RETURNING id, tenant_id, name
    )
    INSERT INTO outlast.audit_log (id, tenant_id, actor_kind, actor, action, subject_type, subject_id, details)
    SELECT ${uuidv7()}, tenant_id, ${COMMAND.kind}, ${COMMAND.id}, ${DISABLED}, 'app', id, json_build_object('name', name)
    FROM disabled`);
  const found = await db.select({ id: apps.id }).from(apps).where(isMeant);
  return found.length > 0;
}
