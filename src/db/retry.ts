import { setTimeout as delay } from 'node:timers/promises';
import { isTransient } from './errors.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** For what does not know again what an earlier try of it did, so that a second one would do it twice. */
export const ONE_TRY_MS = 0;

/** How long Postgres may be away (a restart takes a second or two) before whoever asks is told to try again. */
export const RESTART_PATIENCE_MS = 3000;

/**
 * For what takes rows that the owner of an execution writes too: a process that froze inside a transaction holds its
 * row until Postgres ends that, after 0.8 of the lease.
 */
export const FROZEN_OWNER_PATIENCE_MS = 7000;

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
