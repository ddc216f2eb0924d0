import type { Database } from '../../src/db/database.ts';
import type { Rig } from '../contestants/contestant.ts';
import type { Findings, Line } from '../report/scenario.ts';
import { lineOf, type Outcome } from './outcome.ts';
import { streamLive } from './stream-live.ts';

const WRITERS = [1, 4, 8];
const MOST = Math.max(...WRITERS);
/** New processes are slow at first, and eight of them at once much more so than one. */
const WARM_UP_MS = 3000;
const LOAD = { executions: 100, perSecond: 50, forMs: 5000 };

/** What one contestant did with so many writing processes. */
export interface ByWriters {
  readonly name: string;
  readonly writers: number;
  readonly outcome: Outcome;
}

/** The same load, split over 1, 4 and 8 processes that write: what their commits cost each other. */
export async function measureByWriters(
  db: Database,
  rigs: ReadonlyMap<string, Rig>,
  progress: (text: string) => void,
): Promise<ByWriters[]> {
  const measured: ByWriters[] = [];
  for (const [name, rig] of rigs) {
    progress(`warming up ${MOST} processes, ${name}`);
    await streamLive(db, rig, { ...LOAD, forMs: WARM_UP_MS, writers: MOST });
  }
  for (const writers of WRITERS) {
    for (const [name, rig] of rigs) {
      progress(`${LOAD.executions} × ${LOAD.perSecond}/s by ${writers} processes, ${name}`);
      measured.push({ name, writers, outcome: await streamLive(db, rig, { ...LOAD, writers }) });
    }
  }
  return measured;
}

export function tableByWriters(measured: readonly ByWriters[]): Findings['tables'][number] {
  const lines: Line[] = measured.map(({ name, writers, outcome }) =>
    lineOf(`${name}, ${writers} ${writers === 1 ? 'writer' : 'writers'}`, outcome),
  );
  const { executions, perSecond, forMs } = LOAD;
  return {
    caption: `${executions} × ${perSecond} chunks/s for ${forMs / 1000} s, split over processes`,
    lines,
  };
}
