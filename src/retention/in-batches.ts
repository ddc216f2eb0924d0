import type { Batches, Tally } from './tally.ts';

/** Repeats what does at most `limit` things, and says how many it did, until it finds fewer. */
export async function* inBatches(
  what: keyof Tally,
  limit: number,
  work: (limit: number) => Promise<number>,
): Batches {
  for (let done = limit; done >= limit; ) {
    done = await work(limit);
    if (done > 0) yield { [what]: done };
  }
}
