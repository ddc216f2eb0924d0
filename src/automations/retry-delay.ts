const FIRST_MS = 1000;
const LONGEST_MS = 3_600_000;

/** Milliseconds until the next attempt after so many failed ones: 1 s, and four times as long each time, up to 1 h. */
export function retryDelayMs(attempts: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 4 ** (attempts - 1));
}
