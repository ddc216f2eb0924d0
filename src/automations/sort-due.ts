import { lastDue, nextDue, type Schedule } from './schedule.ts';

/** What is due with no delay worth the name is on time, also just after nobody was there. */
const ON_TIME_MS = 1000;
/** What is later was missed, although somebody was there: it came to nothing for too long. */
const LATEST_MS = 60_000;
/** Missed due times are counted up to here. */
export const MOST_COUNTED = 1000;

/** The due times of a schedule that are not dealt with, and the next one. */
export interface SortedDue {
  /** To be fired, late or not, in order. */
  timely: Date[];
  missed: { first: Date; last: Date; count: number } | undefined;
  next: Date | undefined;
}

/**
 * Tells the due times that are only late from those that were missed, because nobody was there. However long that
 * lasted, this ends soon: a schedule is never replayed.
 * @param first the first due time that is not dealt with
 * @param downUntil when somebody looked again after nobody had; null: that never was
 */
export function sortDue(schedule: Schedule, first: Date, now: Date, downUntil: Date | null): SortedDue {
  const missedUntil = Math.max(
    now.getTime() - LATEST_MS,
    downUntil === null ? 0 : downUntil.getTime() - ON_TIME_MS,
  );
  const missed = countMissed(schedule, first, missedUntil);
  let due: Date | undefined = first;
  if (missed !== undefined) due = nextDue(schedule, missed.last);
  const timely: Date[] = [];
  while (due !== undefined && due <= now) {
    timely.push(due);
    due = nextDue(schedule, due);
  }
  return { timely, missed, next: due };
}

function countMissed(schedule: Schedule, first: Date, until: number): SortedDue['missed'] {
  if (first.getTime() > until) return undefined;
  let last = first;
  for (let count = 1; count < MOST_COUNTED; count += 1) {
    const due = nextDue(schedule, last);
    if (due === undefined || due.getTime() > until) return { first, last, count };
    last = due;
  }
  // Before a moment, and not at it.
  const newest = lastDue(schedule, new Date(until + 1)) ?? last;
  return { first, last: newest > last ? newest : last, count: MOST_COUNTED };
}
