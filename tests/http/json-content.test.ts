import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/canonical-json.ts';
import { hasOnlyPlainText, isTooDeep } from '../../src/http/json-content.ts';

describe('JSON documents', () => {
  test('are the same whatever the order of their keys, and else not', () => {
    expect(canonicalJson({ a: 1, b: { c: [1, 2], d: null } })).toBe(
      canonicalJson({ b: { d: null, c: [1, 2] }, a: 1 }),
    );
    expect(canonicalJson({ a: [1, 2] })).not.toBe(canonicalJson({ a: [2, 1] }));
    expect(canonicalJson(JSON.parse('{"__proto__":1}'))).not.toBe(canonicalJson({}));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has no -0.
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('are too deep from 101 levels on, and that is found without a stack', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    expect(isTooDeep(nested(100))).toBe(false);
    expect(isTooDeep(nested(101))).toBe(true);
    expect(isTooDeep(JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`))).toBe(true);
    expect(isTooDeep('text')).toBe(false);
  });

  test.each([
    ['plain text', { a: ['b', { c: '😀' }], d: 1, e: null }, true],
    ['U+0000 in a value', { a: ['b\0'] }, false],
    ['U+0000 in a key', { 'a\0': 1 }, false],
    ['the first half of a pair', ['\ud83d'], false],
    ['the second half of a pair', ['\ude00'], false],
    ['halves in the wrong order', ['\ude00\ud83d'], false],
  ])('%s: can be compared as text or not', (_name, document, plain) => {
    expect(hasOnlyPlainText(document)).toBe(plain);
  });
});
