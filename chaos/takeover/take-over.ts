import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '../cluster/cluster.ts';
import type { ServerProcess } from '../cluster/server-process.ts';
import { findRunning, runningIn } from '../faults/open-work.ts';
import { Reader, type SeenRow } from '../load/reader.ts';
import { startExecution } from '../load/start-execution.ts';
import type { Variant } from './variants.ts';

/** Milliseconds between two words of a model: a slow one, so that a machine of two cores is not the limit. */
const WORD_MS = 250;
/** Longer than all of it takes. */
const WORDS = 400;
const SILENCE_MS = 3000;
const STARTED_WITHIN_MS = 60_000;
/** How the others stream before the fault, for comparison. */
const USUAL_MS = 5000;
const GONE_ON_WITHIN_MS = 30_000;
/** At once started: more would wait for each other. */
const STARTING = 20;

/** The default lease; room for all executions in what remains, and a drain that does not last. */
const SERVER_ENV = { WORKER_CONCURRENCY: '1000', SHUTDOWN_GRACE_MS: '1000' };

/** What readers noticed of a process' end. */
export interface Takeover {
  /** For each execution of the process: milliseconds until its next chunk. */
  next: number[];
  /** Executions of it without a next chunk. */
  missing: number;
  /** How long it took to start it again, of that; undefined when it was not. */
  restartMs: number | undefined;
  /** The longest pause between two chunks of an execution of the other processes, before it and after. */
  usualMs: number;
  othersLongestMs: number;
}

/** Runs many slow streams on three servers and ends the first. */
export async function takeOver(variant: Variant, executions: number): Promise<Takeover> {
  const seat = { isIsolated: variant.onHostsOfTheirOwn, skewMs: 0 };
  const seats = [seat, seat, seat];
  const cluster = await Cluster.start(seats, SERVER_ENV);
  const readers: Reader[] = [];
  try {
    readers.push(...(await startStreams(cluster, executions)));
    return await endFirst(cluster, variant, readers);
  } finally {
    for (const reader of readers) reader.close();
    await cluster.dispose({ keepFiles: false });
  }
}

async function startStreams(cluster: Cluster, executions: number): Promise<Reader[]> {
  const signal = AbortSignal.timeout(STARTED_WITHIN_MS);
  const readers: Reader[] = [];
  for (let at = 0; at < executions; at += STARTING) {
    const batch = Array.from({ length: Math.min(STARTING, executions - at) }, async () => {
      const request = { threadId: randomUUID(), input: `stream ${WORDS} ${WORD_MS}` };
      const executionId = await startExecution(() => cluster.nextUrl(), request, signal);
      readers.push(new Reader({ executionId, nextUrl: () => cluster.nextUrl(), silenceMs: SILENCE_MS }));
    });
    await Promise.all(batch);
  }
  while (readers.some(({ rows }) => rows.length < 5)) {
    signal.throwIfAborted();
    await delay(50);
  }
  return readers;
}

async function endFirst(cluster: Cluster, variant: Variant, readers: readonly Reader[]): Promise<Takeover> {
  const [victim] = cluster.servers as [ServerProcess];
  const watchedFrom = performance.now();
  await delay(USUAL_MS);
  const mine = new Map(
    runningIn(await findRunning(cluster.database), victim.identity).map((one) => [one.executionId, one]),
  );
  victim.signal(variant.signal);
  const at = performance.now();
  const restartMs = variant.isStartedAgain ? await startAgain(victim, at) : undefined;
  const hit = readers.filter(({ executionId }) => mine.has(executionId));
  const others = readers.filter(({ executionId }) => !mine.has(executionId));
  const deadline = at + GONE_ON_WITHIN_MS;
  let firsts = await findFirsts(cluster, mine);
  while (firsts.size < mine.size && performance.now() < deadline) {
    await delay(250);
    firsts = await findFirsts(cluster, mine);
  }
  // For the slowest reader, and for pauses that come after the takeover.
  await delay(2000);
  const end = performance.now();
  const next = hit.flatMap(({ executionId, rows }) => {
    const first = rows.findIndex(({ seq }) => seq === firsts.get(executionId));
    if (first < 0) return [];
    return [(rows[first] as SeenRow).at - pausedSince(variant, at, rows[first - 1])];
  });
  return {
    next,
    missing: mine.size - next.length,
    restartMs,
    usualMs: longestPause(others, watchedFrom, at),
    othersLongestMs: longestPause(others, at, end),
  };
}

async function startAgain(server: ServerProcess, since: number): Promise<number> {
  await server.exited();
  await server.start();
  return performance.now() - since;
}

/** A process that was told to end still streams for a while: the pause begins with its last chunk. */
function pausedSince({ signal }: Variant, at: number, before: SeenRow | undefined): number {
  return signal === 'SIGTERM' ? Math.max(at, before?.at ?? at) : at;
}

/** The seq of the first chunk that each execution got from a later attempt. */
async function findFirsts(
  cluster: Cluster,
  mine: ReadonlyMap<string, { attempt: number }>,
): Promise<Map<string, number>> {
  const ids = [...mine.keys()];
  const rows = await cluster.database.ask<{ id: string; seq: number }>(
    `SELECT e.id, min(c.seq) AS seq FROM unnest($1::uuid[], $2::int[]) AS mine(id, attempt)
     JOIN outlast.workflow_executions e ON e.id = mine.id
     JOIN outlast.stream_chunks c ON c.execution_no = e.no AND c.attempt > mine.attempt GROUP BY e.id`,
    [ids, ids.map((id) => mine.get(id)?.attempt)],
  );
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}

/** Between two chunks that readers got one after the other, within this time. */
function longestPause(readers: readonly Reader[], from: number, to: number): number {
  return readers.reduce((longest, { rows }) => {
    const times = rows.map(({ at }) => at).filter((at) => at >= from && at <= to);
    return times.slice(1).reduce((max, at, i) => Math.max(max, at - (times[i] as number)), longest);
  }, 0);
}
