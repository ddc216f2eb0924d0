import { and, eq, isNull } from 'drizzle-orm';
import type { Executor } from '../db/database.ts';
import { apps } from '../db/schema.ts';
import { isAllowedOrigin } from './origins.ts';

export type App = typeof apps.$inferSelect;

/**
 * The app, for pages of its origins: for all others, and once it is disabled, it does not exist.
 * @param origin as the browser of whoever asks has sent it
 */
export async function findApp(
  db: Executor,
  id: string,
  origin: string | undefined,
): Promise<App | undefined> {
  const [app] = await db
    .select()
    .from(apps)
    .where(and(eq(apps.id, id), isNull(apps.disabledAt)));
  return app !== undefined && isAllowedOrigin(app.allowedOrigins, origin) ? app : undefined;
}
