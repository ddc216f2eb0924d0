import { setTimeout as delay } from 'node:timers/promises';
import type { Actor } from '../processes/actor.ts';
import type { ReaderVerbs } from '../readers/reader-process.ts';

/** What does not come while nothing else comes either counts as lost. */
const LOST_AFTER_MS = 5000;
const LOOK_EVERY_MS = 20;
/** For what would come a second time. */
const SETTLE_MS = 100;

/** Waits for what is still under way, as long as it keeps coming. */
export async function untilAllCame(reader: Actor<ReaderVerbs>, expected: readonly number[]): Promise<void> {
  const whole = expected.reduce((sum, count) => sum + count, 0);
  let came = await reader.ask('total');
  for (let heardAt = performance.now(); came < whole && performance.now() - heardAt < LOST_AFTER_MS; ) {
    await delay(LOOK_EVERY_MS);
    const total = await reader.ask('total');
    if (total > came) heardAt = performance.now();
    came = total;
  }
  await delay(SETTLE_MS);
}
