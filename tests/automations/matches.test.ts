import { expect, test } from '@jest/globals';
import { matches } from '../../src/automations/matches.ts';

test.each([
  [{}, { a: 1 }, true],
  [{}, 'text', false],
  [{ a: 1 }, { a: 1, b: 2 }, true],
  [{ a: 1 }, { a: '1' }, false],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2 }], d: 3 } }, true],
  [{ a: [1] }, { a: [1, 2] }, false],
  [{ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }] }, false],
  [{ a: null }, { a: null }, true],
  [{ a: null }, {}, false],
  [{ toString: {} }, {}, false],
  [{ length: 1 }, ['x'], false],
])('%j matches %j: %s', (asked, payload, expected) => {
  expect(matches(asked, payload)).toBe(expected);
});
