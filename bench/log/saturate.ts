import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import type { Rig } from '../contestants/contestant.ts';
import { findPostmasterOf, meterCpu } from '../processes/cpu-meter.ts';
import { makeExecutions, type RunningExecution } from './make-executions.ts';
import type { Faults, Outcome } from './outcome.ts';
import type { Received } from './reception.ts';
import { sharedNow } from './stamp.ts';
import { checkStoredDbosStreams } from './stored-dbos-stream.ts';
import { checkStoredLog } from './stored-log.ts';
import { untilAllCame } from './until-all-came.ts';

/** Producers that never rest, in one process. */
export interface SaturatingLoad {
  readonly executions: number;
  /** Chunks of each execution that are on their way until they are committed. */
  readonly window: number;
  readonly forMs: number;
  /** Whether each execution has a reader: what counts is then what it gets, else what is committed. */
  readonly isRead: boolean;
}

const WARM_UP_MS = 1000;

/** How much a contestant takes; afterwards its table is held against what was sent. */
export async function saturate(db: Database, rig: Rig, load: SaturatingLoad): Promise<Outcome> {
  const executions = await makeExecutions(db, load.executions);
  const { databaseUrl, kind, reader } = rig;
  const [writer] = rig.writers(1);
  if (writer === undefined) throw new Error('There is no writer');
  await writer.ask('open', kind, { databaseUrl, executions, lastSeq: 0 });
  if (load.isRead) {
    await reader.ask('open', databaseUrl, executions.map(rig.addressOf), 0);
    const from = sharedNow() + WARM_UP_MS;
    await reader.ask('count', from, from + load.forMs);
  }
  const saturating = writer.ask('saturate', load.window, WARM_UP_MS, load.forMs);
  await delay(WARM_UP_MS);
  const before = (await writer.ask('sent')).commits ?? Number.NaN;
  const parts = {
    writer: [writer.pid],
    ...(load.isRead && rig.servingPid !== undefined ? { server: [rig.servingPid] } : {}),
    ...(load.isRead ? { reader: [reader.pid] } : {}),
  };
  const stopMeter = await meterCpu(parts, await findPostmasterOf(db));
  await delay(load.forMs);
  const cores = await stopMeter();
  const { chunks, tookMs } = await saturating;
  const { counts, commits = Number.NaN } = await writer.ask('sent');
  await writer.ask('close');
  const received = load.isRead ? await receiveAll(rig, counts) : undefined;
  const faults = add(await checkStored(db, kind, executions, counts), received, counts);
  return {
    ...faults,
    chunksPerSecond:
      received === undefined ? (chunks / tookMs) * 1000 : (received.delivered / load.forMs) * 1000,
    latencies: received?.latencies ?? new Float64Array(),
    commitsPerSecond: Number.isNaN(commits - before) ? undefined : ((commits - before) / tookMs) * 1000,
    cores,
  };
}

async function receiveAll({ reader }: Rig, sent: readonly number[]): Promise<Received> {
  await untilAllCame(reader, sent);
  const received = await reader.ask('received');
  await reader.ask('close');
  return received;
}

function checkStored(
  db: Database,
  kind: Rig['kind'],
  executions: readonly RunningExecution[],
  sent: readonly number[],
): Promise<Faults> {
  if (kind !== 'dbos')
    return checkStoredLog(
      db,
      executions.map(({ no }) => no),
      sent,
    );
  return checkStoredDbosStreams(
    db,
    executions.map(({ id }) => id),
    sent,
  );
}

/** What is wrong in the table, and what is wrong at the readers. */
function add(stored: Faults, received: Received | undefined, sent: readonly number[]): Faults {
  if (received === undefined) return stored;
  const { counts, doubled, disordered } = received;
  return {
    lost: stored.lost + sent.reduce((sum, count, i) => sum + count - (counts[i] ?? 0), 0),
    doubled: stored.doubled + doubled,
    disordered: stored.disordered + disordered,
  };
}
