import { asc } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';

/** All apps of all tenants, oldest first, without what their challenges are signed with. */
export async function listApps(db: Executor): Promise<Omit<typeof apps.$inferSelect, 'challengeSecret'>[]> {
  const rows = await db.select().from(apps).orderBy(asc(apps.createdAt), asc(apps.id));
  return rows.map(({ challengeSecret: _, ...row }) => row);
}
