import type { Contestant, Rig } from '../contestants/contestant.ts';
import type { BenchContext } from '../report/scenario.ts';

/** Starts the processes of all that are compared, on one database; they stay for the whole scenario. */
export async function startAll(
  contestants: readonly Contestant[],
  databaseUrl: string,
  { defer }: BenchContext,
): Promise<Map<string, Rig>> {
  const rigs = new Map<string, Rig>();
  for (const contestant of contestants) {
    rigs.set(contestant.name, await contestant.start(databaseUrl, defer));
  }
  return rigs;
}
