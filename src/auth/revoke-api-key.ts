import { and, eq, isNull, or, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';

/**
 * Revokes the key with this id or prefix; one that is revoked already stays so since then.
 * @returns false when there is no such key
 */
export async function revokeApiKey(db: Executor, idOrPrefix: string): Promise<boolean> {
  const isMeant = or(eq(sql`${apiKeys.id}::text`, idOrPrefix), eq(apiKeys.prefix, idOrPrefix));
  await db
    .update(apiKeys)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(isMeant, isNull(apiKeys.revokedAt)));
  const found = await db.select({ id: apiKeys.id }).from(apiKeys).where(isMeant);
  return found.length > 0;
}
