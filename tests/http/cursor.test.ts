import { describe, expect, test } from '@jest/globals';
import { type CursorSources, resolveCursor } from '../../src/http/stream/cursor.ts';
import { Problem } from '../../src/problems/problem.ts';

describe('the cursor of a stream', () => {
  test.each<[CursorSources, number]>([
    [{}, 0],
    [{ after: '0' }, 0],
    [{ after: '7' }, 7],
    [{ after: '007' }, 7],
    [{ startIndex: '7' }, 7],
    [{ startIndex: '-1' }, 9],
    [{ startIndex: '-10' }, 0],
    [{ startIndex: '-999999' }, 0],
    [{ startIndex: '-0' }, 10],
    [{ lastEventId: '3', after: '5', startIndex: '6' }, 3],
    [{ lastEventId: '3', after: 'abc' }, 3],
    [{ lastEventId: '', after: '5' }, 5],
    [{ after: '5', startIndex: '6' }, 5],
    [{ after: '10' }, 10],
  ])('%j is %i in a log of 10', (sources, cursor) => {
    expect(resolveCursor(sources, 10)).toBe(cursor);
  });

  test.each<CursorSources>([
    { after: '' },
    { after: 'abc' },
    { after: '-1' },
    { after: '+1' },
    { after: '1.0' },
    { after: '1e1' },
    { after: ' 1' },
    { after: '0x1' },
    { after: '11' },
    { after: '9'.repeat(30) },
    { after: '٣' },
    { startIndex: '11' },
    { startIndex: '-' },
    { startIndex: '--1' },
    { startIndex: '-5.5' },
    { lastEventId: '-1' },
    { lastEventId: '11', after: '5' },
  ])('%j is refused', (sources) => {
    expect(() => resolveCursor(sources, 10)).toThrow(Problem);
    expect(() => resolveCursor(sources, 10)).toThrow(expect.objectContaining({ code: 'bad-cursor' }));
  });

  test('of an empty log can only be the start', () => {
    expect(resolveCursor({ startIndex: '-3' }, 0)).toBe(0);
    expect(() => resolveCursor({ after: '1' }, 0)).toThrow(Problem);
  });
});
