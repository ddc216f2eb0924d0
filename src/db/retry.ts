import { setTimeout as delay } from 'node:timers/promises';
import { isTransient } from './errors.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/**
 * Tries `work` until it succeeds or fails for a reason that is not Postgres' absence. A restart of Postgres thus
 * delays an execution and never fails it. `work` must be safe to run again: it looks for its own effect first.
 * @throws the signal's reason once aborted (the lease is lost), or the first error that is not transient.
 */
export async function untilReachable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/**
 * The same for somebody who is waiting for an answer: gives up after `patienceMs`.
 * @throws what `work` threw last
 */
export async function whilePatient<T>(patienceMs: number, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || performance.now() + pause > until) throw error;
    }
    await delay(pause);
  }
}
