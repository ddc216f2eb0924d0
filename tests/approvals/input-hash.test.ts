import { expect, test } from '@jest/globals';
import { inputHash } from '../../src/approvals/input-hash.ts';
import { canonicalJson } from '../../src/canonical-json.ts';

test('JSON is written as in the examples of RFC 8785', () => {
  const literals = {
    literals: [null, true, false],
    numbers: JSON.parse('[333333333.33333329,1E30,4.50,2e-3,1e-27]') as number[],
  };
  expect(canonicalJson({ ...literals, string: '\u20ac$\u000f\nA\'B"\\\\"/' })).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
  const sorted = JSON.parse(
    `[${canonicalJson(Object.fromEntries(keys.map((key) => [key, key])))
      .slice(1, -1)
      .replaceAll(/:"[^"]*"/g, '')}]`,
  ) as string[];
  expect(sorted).toEqual(['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33']);
});

test('keys that are numbers are sorted as texts, unlike in a JavaScript object', () => {
  expect(canonicalJson({ 9: 1, 10: 2, b: { z: 1, a: undefined } })).toBe('{"10":2,"9":1,"b":{"z":1}}');
});

test('the same input has the same hash, however it is written', () => {
  expect(inputHash({ b: 1, a: -0 })).toBe(inputHash(JSON.parse('{"a":0,"b":1.0}')));
  expect(inputHash({ a: 1 })).toBe('sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862');
  expect(inputHash({ a: 1 })).not.toBe(inputHash({ a: '1' }));
});
