import { expect, test } from '@jest/globals';
import { readPayload } from '../../src/http/webhook-payload.ts';

const read = (body: string | Buffer, type?: string) => readPayload(type, Buffer.from(body));

test('JSON is read whatever it is called, and nothing is null', () => {
  for (const type of [
    undefined,
    'application/json; charset=utf-8',
    'application/vnd.github.v3+json',
    'Application/JSON',
  ]) {
    expect(read('{"a": [1, "é"]}', type)).toEqual({ a: [1, 'é'] });
  }
  expect(read('')).toBeNull();
  expect(read('\ufeff"text"')).toBe('text');
});

test('a form has texts, and lists of texts', () => {
  const form = 'text=hi+there&user=%C3%A9&tag=a&tag=b&tag=c&__proto__=x&=empty&flag';
  const payload = read(form, 'application/x-www-form-urlencoded; charset=utf-8') as Record<string, unknown>;
  expect(Object.entries(payload)).toEqual([
    ['text', 'hi there'],
    ['user', 'é'],
    ['tag', ['a', 'b', 'c']],
    ['__proto__', 'x'],
    ['', 'empty'],
    ['flag', ''],
  ]);
  expect(Object.getPrototypeOf(payload)).toBe(Object.prototype);
});

test('anything else is refused', () => {
  const bad: [string | Buffer, string | undefined, string][] = [
    ['{', undefined, 'malformed-json'],
    ['{"a": 1} x', 'application/json', 'malformed-json'],
    [' ', 'application/json', 'malformed-json'],
    [Buffer.from([0x22, 0xff, 0x22]), undefined, 'malformed-json'],
    [Buffer.from([0x61, 0x3d, 0xff]), 'application/x-www-form-urlencoded', 'malformed-json'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, undefined, 'malformed-json'],
    ['a: 1', 'text/yaml', 'unsupported-media-type'],
    ['{}', 'multipart/form-data; boundary=x', 'unsupported-media-type'],
  ];
  for (const [body, type, code] of bad) {
    expect(() => read(body, type)).toThrow(expect.objectContaining({ code }));
  }
});
