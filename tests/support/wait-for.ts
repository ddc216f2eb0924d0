import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 15;

export interface WaitOptions {
  deadlineMs?: number;
  /** What is waited for, for the message of the failure. */
  describe: string | (() => unknown);
}

/** Asks until the answer is truthy, and returns that. The only way in which tests wait. */
export async function waitFor<T>(probe: () => T | Promise<T>, options: WaitOptions): Promise<NonNullable<T>> {
  const { deadlineMs = 10_000, describe } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > deadline) {
      const text = typeof describe === 'string' ? describe : String(describe());
      throw new Error(`Waited ${deadlineMs} ms in vain for: ${text}`);
    }
    await delay(POLL_MS);
  }
}
