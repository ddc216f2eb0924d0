import { asc } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apiKeys } from '../db/schema.ts';

/** All keys of all tenants, oldest first, without what they are checked by. */
export async function listApiKeys(db: Executor): Promise<Omit<typeof apiKeys.$inferSelect, 'hash'>[]> {
  const rows = await db.select().from(apiKeys).orderBy(asc(apiKeys.createdAt), asc(apiKeys.id));
  return rows.map(({ hash: _, ...row }) => row);
}
