import { eq, or, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { AuditAction } from '../audit/actions.ts';
import { COMMAND } from '../audit/actor.ts';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';

const REVOKED: AuditAction = 'key.revoked';

/**
 * Revokes the key with this id or prefix, at the command line, and writes that down; one that is revoked already stays
 * so since then.
 * @returns false when there is no such key
 */
export async function revokeApiKey(db: Executor, idOrPrefix: string): Promise<boolean> {
  const isMeant = or(eq(sql`${apiKeys.id}::text`, idOrPrefix), eq(apiKeys.prefix, idOrPrefix));
  await db.execute(sql`
    WITH revoked AS (
      UPDATE ${apiKeys} SET revoked_at = clock_timestamp()
      WHERE ${isMeant} AND ${apiKeys.revokedAt} IS NULL
      RETURNING id, tenant_id, owner_id, name, prefix
    )
    INSERT INTO outlast.audit_log
      (id, tenant_id, owner_id, actor_kind, actor, action, subject_type, subject_id, details)
    SELECT ${uuidv7()}, tenant_id, owner_id, ${COMMAND.kind}, ${COMMAND.id}, ${REVOKED}, 'key', id,
      json_build_object('name', name, 'prefix', prefix)
    FROM revoked`);
  const found = await db.select({ id: apiKeys.id }).from(apiKeys).where(isMeant);
  return found.length > 0;
}
