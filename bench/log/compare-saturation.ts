import type { Database } from '../../src/db/database.ts';
import type { Rig } from '../contestants/contestant.ts';
import type { Findings } from '../report/scenario.ts';
import { lineOf, type Outcome, pool } from './outcome.ts';
import { saturate } from './saturate.ts';

const LOAD = { executions: 50, window: 64, forMs: 4000 };

export interface SaturationOptions {
  readonly rounds: number;
  /** Whether each execution has a reader in another process. */
  readonly isRead: boolean;
}

/** In rounds, so that what changes on the machine meanwhile meets each of them. */
export async function compareSaturation(
  db: Database,
  rigs: ReadonlyMap<string, Rig>,
  { rounds, isRead }: SaturationOptions,
  progress: (text: string) => void,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome[]>([...rigs.keys()].map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, rig] of rigs) {
      progress(`saturation ${round} of ${rounds}${isRead ? ', read' : ''}, ${name}`);
      outcomes.get(name)?.push(await saturate(db, rig, { ...LOAD, isRead }));
    }
  }
  return new Map([...outcomes].map(([name, all]) => [name, pool(all)]));
}

/** @param limit the name of the one that the others are held against */
export function tableOfSaturation(
  outcomes: ReadonlyMap<string, Outcome>,
  limit: string,
  { rounds, isRead }: SaturationOptions,
): Findings['tables'][number] {
  const whole = outcomes.get(limit)?.chunksPerSecond ?? Number.NaN;
  const { executions, window, forMs } = LOAD;
  return {
    caption: `${executions} executions, ${window} chunks of each on their way, ${isRead ? 'a reader each over SSE' : 'no readers'}; ${rounds} × ${forMs / 1000} s in turns`,
    lines: [...outcomes].map(([name, outcome]) => ({
      name,
      numbers: { '× bare': outcome.chunksPerSecond / whole, ...lineOf(name, outcome).numbers },
    })),
  };
}
