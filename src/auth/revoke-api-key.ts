import { eq, or, sql } from 'drizzle-orm';
import { COMMAND } from '../audit/actor.ts';
import { auditChange } from '../audit/record-audit.ts';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';

/**
 * Revokes the key with this id or prefix, at the command line, and writes that down; one that is revoked already stays
 * so since then.
 * @returns false when there is no such key
 */
export async function revokeApiKey(db: Executor, idOrPrefix: string): Promise<boolean> {
  const isMeant = or(eq(sql`${apiKeys.id}::text`, idOrPrefix), eq(apiKeys.prefix, idOrPrefix));
  await auditChange(db, COMMAND, 'key.revoked', {
    change: sql`
      UPDATE ${apiKeys} SET revoked_at = clock_timestamp() WHERE ${isMeant} AND ${apiKeys.revokedAt} IS NULL
      RETURNING id, tenant_id, owner_id, name, prefix`,
    details: sql`json_build_object('name', name, 'prefix', prefix)`,
  });
  const found = await db.select({ id: apiKeys.id }).from(apiKeys).where(isMeant);
  return found.length > 0;
}
