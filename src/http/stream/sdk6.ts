import { LogGone, readLog } from '../../chunks/read-log.ts';
import type { LogStretch, ReadChunk } from '../../chunks/row.ts';
import type { LogHead } from '../../executions/log-head.ts';
import type { StreamDeps } from './execution-stream.ts';
import type { Framing } from './framing.ts';

/** Rows that are not told, from the first to the last of them. */
type Superseded = readonly (readonly [first: number, last: number])[];

/**
 * A framing for clients of AI SDK 6, which fail on two kinds of rows. Decisions are left out; what a takeover
 * superseded is left out of what is there already, and when it happens later the connection is cut, for such a
 * client can forget what it has only by reading it anew.
 */
export async function forSdk6(deps: StreamDeps, head: LogHead, framing: Framing): Promise<Framing> {
  const superseded = await findSuperseded(deps, head);
  const isTold = ({ seq, chunk }: ReadChunk) => {
    if (superseded.some(([first, last]) => first <= seq && seq <= last)) return false;
    if (isOf('reset-step', chunk)) throw new LogGone('What this client has was superseded');
    return !isOf('tool-approval-response', chunk);
  };
  const rows = (stretch: LogStretch) =>
    [...stretch]
      .filter(isTold)
      .map(({ seq, chunk }) => framing.row(seq, chunk))
      .join('');
  return { ...framing, rows };
}

/** What of the log so far was streamed by attempts that died: from after their `start-step` to the `reset-step`. */
async function findSuperseded({ db, recentRows }: StreamDeps, head: LogHead): Promise<Superseded> {
  const superseded: [number, number][] = [];
  let stepBegan = 0;
  const ended = new AbortController();
  const isEnough = async () => true;
  for await (const stretch of readLog(db, recentRows, head.executionNo, {
    after: 0,
    signal: ended.signal,
    isEnough,
  })) {
    for (const { seq, chunk } of stretch) {
      if (seq > head.lastSeq) return superseded;
      if (isOf('start-step', chunk)) stepBegan = seq;
      if (isOf('reset-step', chunk)) superseded.push([stepBegan + 1, seq]);
    }
  }
  return superseded;
}

function isOf(type: string, chunk: string): boolean {
  return chunk.startsWith(`{"type":"${type}"`);
}
