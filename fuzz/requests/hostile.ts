import fc from 'fast-check';
import { reference } from '../world/things.ts';

const MEGABYTE = 1024 * 1024;

/** Texts that something is likely to fall over: by their characters, their length, or what they mean to somebody. */
export function hostileText(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('\0', 'a\0b', '\ud800', 'a\udfffb') },
    fc.constantFrom(
      '',
      ' ',
      '\u2028',
      '\ufeff',
      '\u202e',
      'é'.normalize('NFD'),
      '🧨'.repeat(200),
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      'null',
      'undefined',
      'NaN',
      '-0',
      '1e999',
      '0x10',
      '9007199254740993',
      '-9223372036854775809',
      "'; DROP TABLE outlast.threads; --",
      '" OR 1=1',
      '$1',
      '\\',
      '%',
      '%00',
      '%s%n',
      '{{payload}}',
      '${7*7}',
      '../../../etc/passwd',
      '..',
      '.',
      'a/b',
      'a\r\nx-injected: 1\r\n\r\n',
      'data: [DONE]\n\n',
      'http://169.254.169.254/latest/meta-data',
      'file:///etc/passwd',
      'javascript:alert(1)',
      '<script>alert(1)</script>',
      'role:finance',
      'key:0',
      'policy',
      '0000-01-01T00:00:00Z',
      '+275760-09-13T00:00:00.000Z',
      '9999-12-31T23:59:60Z',
      '019a0000-0000-7000-8000-000000000000',
      '00000000-0000-0000-0000-000000000000',
      Buffer.from('[9007199254740991,"x"]').toString('base64url'),
      Buffer.from('[-9007199254740991,"019a0000-0000-7000-8000-000000000000"]').toString('base64url'),
      Buffer.from('[9007199254740991,"019a0000-0000-7000-8000-000000000000"]').toString('base64url'),
      Buffer.from('p2147483647').toString('base64url'),
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom(65, 257, 1025, 4097, 20_000).map((length) => reference('long', length)),
  );
}

/** Values of every kind, where another is expected. */
export function hostileValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 3, arbitrary: hostileText() },
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      -1,
      1.5,
      2 ** 31,
      2 ** 53,
      -(2 ** 63),
      1e308,
      [],
      {},
      [[]],
      ['x', 1],
    ),
    fc.constant(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}') as unknown),
    fc.integer({ min: 2, max: 120 }).map(nested),
    fc.constantFrom(2 * MEGABYTE, MEGABYTE - 100).map((length) => reference('long', length)),
    fc.constantFrom(101, 10_001).map((length) => Array.from({ length }, (_, i) => i)),
    fc.jsonValue({ maxDepth: 3 }),
  );
}

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Bodies that are no JSON, or JSON as nobody writes it. */
export function hostileBody(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(
      '{',
      '[',
      '"',
      '{"a":1,}',
      '{"a":1}{"a":2}',
      '\ufeff{}',
      '{"a":NaN}',
      '{"input":"x","input":{"role":"user"}}',
      '{"__proto__":{"input":"x"}}',
      '"\\ud800"',
      '1e999',
      'null',
      '\0',
      ' ',
      'input=x&agentId=assistant',
      '--b\r\ncontent-disposition: form-data; name="input"\r\n\r\nx\r\n--b--',
      '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ),
    fc.integer({ min: 1, max: 60_000 }).map((depth) => '['.repeat(depth)),
    fc.integer({ min: 1, max: 20_000 }).map((depth) => `{"input":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    fc.string({ unit: 'binary', maxLength: 50 }),
  );
}

/** Pieces of a path or query as they are on the wire. */
export function hostileEncoding(): fc.Arbitrary<string> {
  return fc.constantFrom(
    '%',
    '%z',
    '%zz',
    '%00',
    '%ff',
    '%c0%af',
    '%ed%a0%80',
    '%2f',
    '%2e%2e%2f',
    '%0d%0ax-injected:%201',
    '%25',
    '%F0%9F%A7%A8',
    '\xff\xfe',
    '..',
    '//',
    ';a=b',
    '+',
  );
}

/** What may be appended to a query. */
export function hostileQuery(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(
      '&',
      '&&==&',
      '?',
      '&__proto__=1',
      '&__proto__[isAdmin]=1',
      '&constructor=1',
      '&limit=1&limit=2',
      '&limit[]=1',
      '&limit[$gt]=0',
      '&metadata.=x',
      '&metadata.a=x&metadata.a=y',
      '&metadata.__proto__=x',
      `&metadata.${'k'.repeat(65)}=x`,
      '&metadata=x',
      '&token=x',
      `&token=${reference('token', 0)}`,
      '&cursor=',
      '&unknown=1',
      '#fragment',
    ),
    hostileEncoding().map((piece) => `&limit=${piece}`),
    hostileEncoding().map((piece) => `&${piece}=1`),
  );
}

const TEXT_HEADERS = [
  'last-event-id',
  'idempotency-key',
  'x-request-id',
  'x-ai-sdk',
  'if-none-match',
  'range',
];

/** Headers that are no part of what a route takes, or that are not as it takes them. */
export function hostileHeader(): fc.Arbitrary<[string, string]> {
  const text = fc.constantFrom(
    '',
    '0',
    '-1',
    '1.1.1',
    '999999999999999999999',
    '1.999999999',
    'a b',
    'a\tb',
    '\xff\xfe',
    "'; --",
    '__proto__',
    'k'.repeat(255),
    'k'.repeat(256),
    'k'.repeat(5000),
    'bytes=0-1,5-9999999',
    '*',
  );
  const pairs: [string, string][] = [
    ['content-type', 'text/plain'],
    ['content-type', 'application/json; charset=utf-16'],
    ['content-type', 'application/json; charset=klingon'],
    ['content-type', 'application/json;;;'],
    ['content-type', 'application/JSON; a="'],
    ['content-type', 'multipart/form-data; boundary=b'],
    ['content-type', ''],
    ['content-encoding', 'gzip'],
    ['content-encoding', 'br'],
    ['content-encoding', 'deflate, gzip'],
    ['accept', 'text/event-stream'],
    ['accept', 'application/x-ndjson'],
    ['accept', '*/*;q=0'],
    ['accept', ',;q=x,,text/'],
    ['accept-encoding', 'gzip, br'],
    ['transfer-encoding', 'chunked'],
    ['expect', 'x-nothing'],
    ['x-http-method-override', 'DELETE'],
    ['x-forwarded-for', '1.2.3.4, ::1'],
    ['x-forwarded-host', 'evil.example.com'],
    ['x-original-url', '/metrics'],
    ['forwarded', 'for="_x";host=evil'],
    ['origin', 'null'],
    ['origin', 'https://evil.example.com'],
    ['access-control-request-method', 'DELETE'],
    ['host', 'evil.example.com'],
    ['host', ''],
    ['cookie', '__proto__=1; token=x'],
    ['authorization', `Bearer ${reference('token', 1)}`],
    ['authorization', 'Bearer'],
    ['authorization', 'Bearer ok_live_'],
    ['authorization', 'Bearer eyJhbGciOiJub25lIn0.e30.'],
    ['authorization', 'Basic Og=='],
    ['authorization', `Bearer ${'a'.repeat(8000)}`],
    ['authorization', '\xff'],
    ['x-api-key', ''],
    ['x-api-key', `ok_live_${'0'.repeat(12)}_${'A'.repeat(43)}`],
  ];
  const named = fc.tuple(fc.constantFrom(...TEXT_HEADERS), text);
  return fc.oneof(fc.constantFrom(...pairs), named);
}
