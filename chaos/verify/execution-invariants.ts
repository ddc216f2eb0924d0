import { type ExecutionStatus, isFinalStatus, NEXT_STATUS } from '../../src/executions/status.ts';
import type { Stored } from './evidence.ts';

/** Status moves only along the table, and an attempt is never given back. */
export function checkE1({ moves, status }: Stored): string[] {
  const faults: string[] = [];
  for (const [i, { was, became, attemptWas, attempt }] of moves.entries()) {
    const before = moves[i - 1]?.became ?? null;
    if (was !== before) faults.push(`a move from ${was} follows one to ${before}`);
    if (was !== null && was !== became && !nextOf(was).includes(became)) {
      faults.push(`it moved from ${was} to ${became}`);
    }
    if (attemptWas !== null && attempt < attemptWas)
      faults.push(`its attempt went from ${attemptWas} to ${attempt}`);
  }
  if (moves.at(-1)?.became !== status) faults.push(`it is ${status} and moved to ${moves.at(-1)?.became}`);
  return faults;
}

/** `finished_at` is set exactly in final states. */
export function checkE2({ status, isFinished, lastSeq }: Stored): string[] {
  const isFinal = isFinalStatus(status as ExecutionStatus);
  return isFinal === isFinished && isFinal === (lastSeq !== null) ? [] : [`it is ${status}`];
}

/** Nothing is stuck: when everything had its time, it is final, and no attempt is open. */
export function checkE3({ status, attempts }: Stored): string[] {
  if (!isFinalStatus(status as ExecutionStatus)) return [`it is still ${status}`];
  const open = attempts.filter(({ endedAt }) => endedAt === null);
  return open.map(({ attempt }) => `attempt ${attempt} has no end`);
}

/** What was accepted is there. */
export function checkE4(accepted: readonly string[], stored: readonly Stored[]): string[] {
  const found = new Set(stored.map(({ id }) => id));
  return accepted.filter((id) => !found.has(id)).map((id) => `${id} was accepted and is gone`);
}

/** A thread has at most one active execution: those of one thread run one after the other, in their order. */
export function checkE5(stored: readonly Stored[]): string[] {
  return [...byThread(stored).values()].flatMap((thread) => {
    const inOrder = thread.toSorted((a, b) => a.ordinal - b.ordinal);
    return inOrder.slice(1).flatMap((later, i) => {
      const earlier = inOrder[i] as Stored;
      const end = earlier.moves.at(-1)?.at ?? 0;
      const begin = later.moves.find(({ segment }) => segment > 0)?.at ?? Number.POSITIVE_INFINITY;
      return begin < end
        ? [`${later.id} was active ${(end - begin).toFixed(1)} ms before ${earlier.id} had ended`]
        : [];
    });
  });
}

function byThread(stored: readonly Stored[]): Map<string, Stored[]> {
  const threads = new Map<string, Stored[]>();
  for (const one of stored) threads.set(one.threadNo, [...(threads.get(one.threadNo) ?? []), one]);
  return threads;
}

function nextOf(status: string): readonly string[] {
  return NEXT_STATUS[status as ExecutionStatus];
}
