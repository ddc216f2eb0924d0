import { describe, expect, test } from '@jest/globals';
import { nextToRead, type SeenExecution } from '../../src/threads/look-at-thread.ts';

function seen(ordinal: number, more: Partial<SeenExecution> = {}): SeenExecution {
  return {
    id: `e${ordinal}`,
    no: ordinal,
    ordinal,
    inputMessageId: `m${ordinal}`,
    status: 'completed',
    final: true,
    segment: 1,
    attempt: 1,
    suspendedReason: null,
    lastSeq: 9,
    expired: false,
    dropsFrom: null,
    ...more,
  };
}

/** A look begins at the cursor. */
function next(all: SeenExecution[], ordinal: number, seq: number, hasBegun = false): number | undefined {
  const executions = all.filter((each) => each.ordinal >= ordinal);
  const lastOrdinal = all.at(-1)?.ordinal ?? 0;
  return nextToRead({ executions, lastOrdinal }, { ordinal, seq }, hasBegun)?.ordinal;
}

describe('the next log that a reader of a thread gets', () => {
  test('is the one at its cursor while that has more, then the one after it', () => {
    const both = [seen(1), seen(2)];
    expect(next(both, 0, 0)).toBe(1);
    expect(next(both, 1, 8)).toBe(1);
    expect(next(both, 1, 9)).toBe(2);
    expect(next(both, 2, 9)).toBeUndefined();
    expect(next([seen(2, { status: 'running', final: false })], 2, 9)).toBe(2);
  });

  test('is none that has left the history, unless it was begun', () => {
    const edited = [seen(1), seen(2), seen(3), seen(4, { dropsFrom: 2 })];
    expect(next(edited, 1, 9)).toBe(4);
    expect(next(edited, 2, 5)).toBe(4);
    expect(next(edited, 2, 5, true)).toBe(2);
    expect(next(edited, 2, 9, true)).toBe(4);
  });

  test('is none whose log was removed', () => {
    expect(next([seen(1, { expired: true }), seen(2)], 0, 0)).toBe(2);
  });

  test('is looked for further on when nothing near is left to read', () => {
    const gone = Array.from({ length: 100 }, (_, i) => seen(i, { expired: true }));
    expect(nextToRead({ executions: gone, lastOrdinal: 250 }, { ordinal: 0, seq: 0 }, false)).toEqual({
      ordinal: 100,
    });
    expect(nextToRead({ executions: gone, lastOrdinal: 99 }, { ordinal: 0, seq: 0 }, false)).toBeUndefined();
  });
});
