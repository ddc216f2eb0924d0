import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import type { Rig } from '../contestants/contestant.ts';
import type { Actor } from '../processes/actor.ts';
import { findPostmasterOf, meterCpu, type Parts } from '../processes/cpu-meter.ts';
import type { WriterVerbs } from '../writers/writer-process.ts';
import { makeExecutions, type RunningExecution } from './make-executions.ts';
import type { Outcome } from './outcome.ts';
import { sharedNow } from './stamp.ts';
import { untilAllCame } from './until-all-came.ts';

/** Models that stream. */
export interface LiveLoad {
  readonly executions: number;
  /** Chunks a second, of each execution. */
  readonly perSecond: number;
  readonly forMs: number;
  /** Processes that share the executions; 1 unless given. */
  readonly writers?: number;
  /** Readers of each execution; 1 unless given. */
  readonly readers?: number;
}

/** Logs that a load goes on with. */
export interface Logs {
  readonly executions: readonly RunningExecution[];
  /** Rows that they have, and that readers skip. */
  readonly lastSeq: number;
}

export interface LiveOptions {
  /** New ones unless given. */
  readonly logs?: Logs;
  /** Called at the end of the measured time, while everything is still open. */
  readonly onMeasured?: () => Promise<void>;
}

const WARM_UP_MS = 1500;

/** Puts a load on a contestant, and reads what it writes in another process, live. */
export async function streamLive(
  db: Database,
  rig: Rig,
  load: LiveLoad,
  { logs, onMeasured }: LiveOptions = {},
): Promise<Outcome> {
  const { executions, lastSeq } = logs ?? {
    executions: await makeExecutions(db, load.executions),
    lastSeq: 0,
  };
  const { writers: writerCount = 1, readers: readersEach = 1, perSecond, forMs } = load;
  const writers = rig.writers(writerCount);
  const addresses = await openWriters(rig, writers, { executions, lastSeq });
  await rig.reader.ask('open', rig.databaseUrl, repeatEach(addresses, readersEach), lastSeq);
  const from = sharedNow() + WARM_UP_MS;
  await rig.reader.ask('count', from, from + forMs);
  const streaming = writers.map((writer) => writer.ask('stream', perSecond, from + forMs));
  await delay(WARM_UP_MS);
  const before = await sumUp(writers);
  const stopMeter = await meterCpu(partsOf(rig, writers), await findPostmasterOf(db));
  await Promise.all(streaming);
  const cores = await stopMeter();
  const after = await sumUp(writers);
  await onMeasured?.();
  const expected = repeatEach(after.sent, readersEach);
  await untilAllCame(rig.reader, expected);
  const { latencies, delivered, counts, doubled, disordered } = await rig.reader.ask('received');
  await Promise.all(writers.map((writer) => writer.ask('close')));
  await rig.reader.ask('close');
  return {
    chunksPerSecond: (delivered / forMs) * 1000,
    latencies,
    lost: expected.reduce((sum, count, i) => sum + count - (counts[i] ?? 0), 0),
    doubled,
    disordered,
    commitsPerSecond: Number.isNaN(after.commits)
      ? undefined
      : ((after.commits - before.commits) / forMs) * 1000,
    cores,
  };
}

/** Shares the executions among the writers. @returns where to read them, in the order in which they were shared */
async function openWriters(
  rig: Rig,
  writers: readonly Actor<WriterVerbs>[],
  { executions, lastSeq }: Logs,
): Promise<string[]> {
  const { databaseUrl, kind } = rig;
  const shares = writers.map((_, i) => executions.filter((_, no) => no % writers.length === i));
  await Promise.all(
    writers.map((writer, i) =>
      writer.ask('open', kind, { databaseUrl, executions: shares[i] ?? [], lastSeq }),
    ),
  );
  return shares.flat().map(rig.addressOf);
}

/** What was appended to each execution, in that order too, and the commits it took: NaN when nobody counts them. */
async function sumUp(writers: readonly Actor<WriterVerbs>[]): Promise<{ sent: number[]; commits: number }> {
  const all = await Promise.all(writers.map((writer) => writer.ask('sent')));
  return {
    sent: all.flatMap(({ counts }) => counts),
    commits: all.reduce((sum, { commits = Number.NaN }) => sum + commits, 0),
  };
}

function partsOf({ servingPid, reader }: Rig, writers: readonly Actor<WriterVerbs>[]): Parts {
  return {
    writer: writers.map(({ pid }) => pid),
    ...(servingPid === undefined ? {} : { server: [servingPid] }),
    reader: [reader.pid],
  };
}

function repeatEach<T>(items: readonly T[], times: number): T[] {
  return items.flatMap((item) => Array.from({ length: times }, () => item));
}
