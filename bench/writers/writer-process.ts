/** A process that produces chunks, and writes them to a durable log: one of several. */
import { setTimeout as delay } from 'node:timers/promises';
import { sharedNow, stampedChunk } from '../log/stamp.ts';
import { serveActor } from '../processes/serve-actor.ts';
import { BareWriter } from './bare-writer.ts';
import { openDbosWriter } from './dbos-writer.ts';
import { openOutlastWriter } from './outlast-writer.ts';
import type { Writer, WriterTarget } from './writer.ts';

export type WriterKind = 'outlast' | 'bare, a row a chunk' | 'bare, a row a batch' | 'dbos';

/** What was durable in the window, and how long that was. */
export interface Saturation {
  chunks: number;
  tookMs: number;
}

let writer: Writer;
let sent: number[] = [];

const verbs = {
  async open(kind: WriterKind, target: WriterTarget): Promise<void> {
    sent = target.executions.map(() => 0);
    writer = await openWriter(kind, target);
  },

  /** Models that stream: each execution `perSecond` chunks a second, evenly spread, until then (`sharedNow`). */
  async stream(perSecond: number, until: number): Promise<void> {
    const apartMs = 1000 / (sent.length * perSecond);
    const startedAt = sharedNow();
    for (let made = 0, now = startedAt; now < until; now = sharedNow()) {
      for (; startedAt + made * apartMs <= now; made++) append(made % sent.length);
      await delay(1);
    }
  },

  /** Producers that never rest: each execution has `window` chunks on their way until they are committed. */
  async saturate(window: number, warmUpMs: number, forMs: number): Promise<Saturation> {
    const over = new AbortController();
    const producers = sent.map(async (_, execution) => {
      while (!over.signal.aborted) {
        for (let i = 0; i < window; i++) append(execution);
        await writer.drained(execution);
      }
    });
    await delay(warmUpMs);
    const before = { chunks: writer.committed, at: sharedNow() };
    await delay(forMs);
    const saturation = { chunks: writer.committed - before.chunks, tookMs: sharedNow() - before.at };
    over.abort();
    await Promise.all(producers);
    return saturation;
  },

  /** How many chunks were appended to each execution, and the commits that took. */
  async sent(): Promise<{ counts: number[]; commits: number | undefined }> {
    return { counts: sent, commits: writer.commits };
  },

  async close(): Promise<void> {
    await writer.close();
  },
};

export type WriterVerbs = typeof verbs;

async function openWriter(kind: WriterKind, target: WriterTarget): Promise<Writer> {
  if (kind === 'outlast') return openOutlastWriter(target);
  if (kind === 'dbos') return openDbosWriter(target);
  return new BareWriter(target, kind === 'bare, a row a chunk' ? 'a row a chunk' : 'a row a batch');
}

function append(execution: number): void {
  const index = sent[execution] ?? 0;
  sent[execution] = index + 1;
  writer.append(execution, stampedChunk(index));
}

serveActor(verbs);
