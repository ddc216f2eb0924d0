import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';

/**
 * Ends an app and its sessions, for good; one that is disabled already stays so since then.
 * @returns false when there is no such app
 */
export async function disableApp(db: Executor, id: string): Promise<boolean> {
  const isMeant = eq(sql`${apps.id}::text`, id);
  await db
    .update(apps)
    .set({ disabledAt: sql`clock_timestamp()` })
    .where(and(isMeant, isNull(apps.disabledAt)));
  const found = await db.select({ id: apps.id }).from(apps).where(isMeant);
  return found.length > 0;
}
