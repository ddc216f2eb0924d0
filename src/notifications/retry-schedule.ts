const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds to wait after each failed try; after one more it is given up. Eight tries over some 17 hours. */
export const RETRY_SCHEDULE: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  HOUR,
  4 * HOUR,
  12 * HOUR,
];

/** The longest that a receiver may ask to be left alone. */
const LONGEST_WISH_MS = 12 * HOUR;
/** Up to this part of the wait is added, so that what failed together does not come back together. */
const JITTER = 0.2;

/**
 * How long to wait after the `failures`th failure in a row, which is at least as long as the receiver wished.
 * @param random from 0 to 1
 * @returns undefined when it is given up
 */
export function retryDelayMs(
  schedule: readonly number[],
  failures: number,
  wishMs: number | null,
  random: number,
): number | undefined {
  const wait = schedule[failures - 1];
  if (wait === undefined) return undefined;
  return Math.round(Math.max(wait * (1 + JITTER * random), Math.min(wishMs ?? 0, LONGEST_WISH_MS)));
}

/** What a `Retry-After` header asks for, in milliseconds from `now`; null if it says nothing that can be understood. */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
