import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import type { Rig } from '../contestants/contestant.ts';
import type { SlowReader } from '../readers/slow-reader.ts';
import { startSlowReader } from '../readers/slow-reader.ts';
import { fillLog } from './fill-log.ts';
import { makeExecutions } from './make-executions.ts';
import type { Outcome } from './outcome.ts';
import { streamLive } from './stream-live.ts';

/** One execution with a crowd around it. */
export const CROWD = { executions: 1, perSecond: 50, readers: 1000, forMs: 6000 };

const SLOW_BYTES_PER_SECOND = 1024;
/** 16 MB that only the slow reader still has to get. */
const HISTORY_ROWS = 256;
/** Until what the slow reader holds back has filled all that lies between. */
const FILL_MS = 1000;

export interface CrowdOptions {
  /** Whether one reader more wants the whole log, and takes 1 KB of it a second. */
  readonly withSlow: boolean;
  /** Called at the end of the measured time, while all are connected. */
  readonly onMeasured?: () => Promise<void>;
}

/** Streams to many readers of one execution, who have what its log holds already. */
export async function streamToCrowd(
  db: Database,
  rig: Rig,
  { withSlow, onMeasured }: CrowdOptions,
): Promise<Outcome> {
  const executions = await makeExecutions(db, 1);
  const [execution] = executions;
  if (execution === undefined) throw new Error('No execution was made');
  await fillLog(db, execution.no, HISTORY_ROWS);
  let slow: SlowReader | undefined;
  if (withSlow) {
    slow = await startSlowReader(rig.addressOf(execution), SLOW_BYTES_PER_SECOND);
    await delay(FILL_MS);
  }
  const logs = { executions, lastSeq: HISTORY_ROWS };
  const outcome = await streamLive(
    db,
    rig,
    CROWD,
    onMeasured === undefined ? { logs } : { logs, onMeasured },
  );
  if (slow?.taken === 0) throw new Error('The slow reader got nothing');
  slow?.stop();
  return outcome;
}
