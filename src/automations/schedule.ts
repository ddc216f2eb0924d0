import { Cron } from 'croner';

/** A cron pattern in a time zone. */
export interface Schedule {
  cron: string;
  timezone: string;
}

/**
 * Times of day, lists and ranges of them too, come once on a day on which the clock is changed: one that is left out at
 * the first instant after the gap, one that comes twice the first time. What has `*` or a step in its seconds, minutes
 * or hours goes by the time that passes.
 */
const OPTIONS = { mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true } as const;

/** What is wrong with a schedule; undefined if nothing is, and it ever comes due. */
export function faultOfSchedule(schedule: Schedule): { field: keyof Schedule; message: string } | undefined {
  if (!isTimeZone(schedule.timezone)) return { field: 'timezone', message: 'is not a known time zone' };
  try {
    if (/^[@\d]\S*$/.test(schedule.cron.trim())) throw new Error('it must have 5 or 6 fields');
    if (nextDue(schedule, new Date()) === undefined) return { field: 'cron', message: 'never comes due' };
    return undefined;
  } catch (error) {
    return { field: 'cron', message: `is not a cron pattern: ${causeOf(error)}` };
  }
}

/** The first due time after a moment; undefined if there is none any more. */
export function nextDue(schedule: Schedule, after: Date): Date | undefined {
  return open(schedule).nextRun(after) ?? undefined;
}

/** The next due times after a moment, at most `count`. */
export function nextDues(schedule: Schedule, after: Date, count: number): Date[] {
  return open(schedule).nextRuns(count, after);
}

/** The last due time before a moment. */
export function lastDue(schedule: Schedule, before: Date): Date | undefined {
  return open(schedule).previousRuns(1, before)[0];
}

function open({ cron, timezone }: Schedule): Cron {
  return new Cron(cron, { ...OPTIONS, timezone });
}

/** An offset is no time zone: it does not say when clocks change. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function causeOf(error: unknown): string {
  return (error as Error).message.replace(/^Cron\w+: /, '');
}
