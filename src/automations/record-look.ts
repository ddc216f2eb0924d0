import { sql } from 'drizzle-orm';
import type { Database } from '../db/database.ts';
import { scheduleClock } from '../db/schema.ts';

/** Nobody has looked for so long: then what was due meanwhile was missed, and is not only late. */
export const DOWN_AFTER_MS = 7000;
/** Milliseconds between two notes that somebody looks: of all workers together, not of each. */
const NOTE_EVERY_MS = 500;

/**
 * Notes that a worker looks for what is due; and if nobody had looked for too long, that everything was down until now.
 * In one statement, so that of many workers that start at once one finds it out, and it is noted for all.
 * @returns whether this is the first look after that
 */
export async function recordLook(db: Database): Promise<boolean> {
  const { rows } = await db.orm.execute<{ was_down: boolean }>(sql`
    INSERT INTO outlast.schedule_clock AS clock (looked_at) VALUES (statement_timestamp())
    ON CONFLICT (id) DO UPDATE SET
      looked_at = statement_timestamp(),
      down_until = CASE WHEN clock.looked_at < statement_timestamp() - ${DOWN_AFTER_MS} * interval '1 ms'
        THEN statement_timestamp() ELSE clock.down_until END
    WHERE clock.looked_at < statement_timestamp() - ${NOTE_EVERY_MS} * interval '1 ms'
    RETURNING coalesce(down_until = looked_at, false) AS was_down`);
  return rows[0]?.was_down ?? false;
}

/** When somebody looked last, and when somebody did again after nobody had for too long; null: that never was. */
export type ScheduleClock = Pick<typeof scheduleClock.$inferSelect, 'lookedAt' | 'downUntil'>;

/** @returns undefined before the first look of all */
export async function readClock(db: Database): Promise<ScheduleClock | undefined> {
  const [clock] = await db.orm.select().from(scheduleClock);
  return clock;
}
