import { endOf } from '../../src/chunks/row.ts';
import type { Fault } from '../faults/faults.ts';
import type { Followed } from '../load/load.ts';
import type { Stored } from '../verify/evidence.ts';

/** How long those who read an execution waited for its next chunk after a fault. */
export interface Pause {
  kind: string;
  executionId: string;
  ms: number;
}

const SERVER_FAULTS = new Set(['SIGKILL', 'SIGSTOP', 'SIGTERM']);

/**
 * For every execution that ran on a process when that was hit: from the fault to the first chunk of the next
 * attempt that wrote one, as its first reader saw it. A process that was told to end may still write for a while:
 * there it counts from its last chunk. When the next process was hit before it wrote anything, only that one counts.
 */
export function measurePauses(
  faults: readonly Fault[],
  followed: readonly Followed[],
  stored: readonly Stored[],
): Pause[] {
  const storedById = new Map(stored.map((one) => [one.id, one]));
  const followedById = new Map(followed.map((one) => [one.executionId, one]));
  const hits = faults.filter(({ kind }) => SERVER_FAULTS.has(kind));
  const lastHit = new Map<string, { at: number; attempt: number }[]>();
  for (const { at, running } of hits) {
    for (const { executionId, attempt } of running) {
      lastHit.set(executionId, [...(lastHit.get(executionId) ?? []), { at, attempt }]);
    }
  }
  return hits.flatMap((fault) =>
    fault.running.flatMap(({ executionId, attempt }) => {
      const next = nextChunk(storedById.get(executionId), attempt);
      const reader = followedById.get(executionId)?.readers[0];
      const arrival = next === undefined ? undefined : reader?.rows[next - 1]?.at;
      if (next === undefined || arrival === undefined) return [];
      const isHitAgain = lastHit.get(executionId)?.some((hit) => hit.attempt > attempt && hit.at < arrival);
      if (isHitAgain === true) return [];
      const lastOfOld = reader?.rows[next - 2]?.at ?? fault.at;
      const from = fault.kind === 'SIGTERM' ? Math.max(fault.at, lastOfOld) : fault.at;
      return [{ kind: nameOf(fault), executionId, ms: arrival - from }];
    }),
  );
}

function nameOf({ kind, isIsolated }: Fault): string {
  return kind === 'SIGKILL' ? `SIGKILL, ${isIsolated ? 'as on another host' : 'same host'}` : kind;
}

/** The seq of the first chunk of a later attempt; undefined also when that comes after a wait for a person. */
function nextChunk(stored: Stored | undefined, attempt: number): number | undefined {
  const rows = stored?.rows ?? [];
  const at = rows.findIndex((row) => row.attempt > attempt);
  const waited = stored?.moves.some(
    (move) => move.became === 'suspended' && move.attempt > attempt && move.at < (rows[at]?.createdAt ?? 0),
  );
  if (waited === true) return undefined;
  const before = rows[at - 1];
  if (at < 0) return undefined;
  return before === undefined ? 1 : endOf(before) + 1;
}
