import type { Environment } from '../http/environment.ts';
import { OutlastProblem } from '../problem.ts';

const SHORTEST_MS = 1000;
const LONGEST_MS = 30_000;

/**
 * Milliseconds to wait before another try: any time up to a bound that doubles, so that clients which were cut at once
 * do not come back at once; never earlier than the server asks for.
 */
export function pauseBefore(failures: number, error: unknown, random: () => number): number {
  const bound = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.max(0, failures - 1));
  return askedFor(error) + random() * bound;
}

/** Waits. What wakes the page ends it early, unless the server has said when to come back. */
export async function pause(
  environment: Environment,
  failures: number,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const ms = pauseBefore(failures, error, () => environment.random());
  await new Promise<void>((resolve) => {
    const undo = [
      environment.after(ms, end),
      askedFor(error) > 0 ? () => undefined : environment.onWake(end),
      () => signal.removeEventListener('abort', end),
    ];
    signal.addEventListener('abort', end);
    function end() {
      for (const each of undo) each();
      resolve();
    }
  });
}

function askedFor(error: unknown): number {
  return error instanceof OutlastProblem ? (error.retryAfterMs ?? 0) : 0;
}
