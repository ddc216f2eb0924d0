import { describe, expect, test } from '@jest/globals';
import { isAllowedOrigin, parseAllowedOrigin } from '../../src/apps/origins.ts';

const EXACT = ['https://shop.example'];
const BELOW = ['https://*.shop.example'];
const PORT = ['https://shop.example:8443'];
const PLAIN = ['http://localhost:5173'];

const CASES: [allowed: string[], origin: string | undefined, isAllowed: boolean][] = [
  [EXACT, 'https://shop.example', true],
  [EXACT, 'https://SHOP.Example', true],
  [EXACT, 'HTTPS://shop.example', true],
  [EXACT, 'https://shop.example:443', true],
  [EXACT, 'http://shop.example', false],
  [EXACT, 'http://shop.example:443', false],
  [EXACT, 'https://shop.example:80', false],
  [EXACT, 'https://shop.example:8443', false],
  [EXACT, 'https://a.shop.example', false],
  [EXACT, 'https://shop.example.', false],
  [EXACT, 'https://shop.example/', false],
  [EXACT, 'https://shop.example/path', false],
  [EXACT, 'https://shop.example?', false],
  [EXACT, 'https://shop.example#', false],
  [EXACT, 'https://user@shop.example', false],
  [EXACT, 'https://user:pass@shop.example', false],
  [EXACT, 'https://shop.example.evil.com', false],
  [EXACT, 'https://evilshop.example', false],
  [EXACT, 'https://evil.com#https://shop.example', false],
  [EXACT, 'https://shop.example@evil.com', false],
  [EXACT, 'https://shop.example\\@evil.com', false],
  [EXACT, 'https://shop%2eexample', false],
  [EXACT, 'https://sh\u00f6p.example', false],
  [EXACT, 'https://shop.example https://evil.com', false],
  [EXACT, 'https://shop.example, https://shop.example', false],
  [EXACT, ' https://shop.example', false],
  [EXACT, 'https://shop.example:', false],
  [EXACT, 'https://shop.example:0443', false],
  [EXACT, 'https://shop.example:99999', false],
  [EXACT, 'https:shop.example', false],
  [EXACT, 'ftp://shop.example', false],
  [EXACT, 'chrome-extension://shop.example', false],
  [EXACT, 'file://', false],
  [EXACT, 'null', false],
  [EXACT, '', false],
  [EXACT, undefined, false],
  [[], 'https://shop.example', false],
  [[], undefined, false],
  [BELOW, 'https://a.shop.example', true],
  [BELOW, 'https://a.b.c.shop.example', true],
  [BELOW, 'https://A.Shop.example:443', true],
  [BELOW, 'https://xn--bcher-kva.shop.example', true],
  [BELOW, 'https://shop.example', false],
  [BELOW, 'https://.shop.example', false],
  [BELOW, 'https://a..shop.example', false],
  [BELOW, 'https://*.shop.example', false],
  [BELOW, 'http://a.shop.example', false],
  [BELOW, 'https://a.shop.example:8443', false],
  [BELOW, 'https://a.shop.example.', false],
  [BELOW, 'https://evilshop.example', false],
  [BELOW, 'https://a.shop.example.evil.com', false],
  [BELOW, 'https://evil.com/.shop.example', false],
  [BELOW, 'https://evil.com:1.shop.example', false],
  [PORT, 'https://shop.example:8443', true],
  [PORT, 'https://shop.example', false],
  [PORT, 'https://shop.example:843', false],
  [['https://*.shop.example:8443'], 'https://a.shop.example:8443', true],
  [['https://*.shop.example:8443'], 'https://a.shop.example', false],
  [PLAIN, 'http://localhost:5173', true],
  [PLAIN, 'http://localhost', false],
  [PLAIN, 'http://127.0.0.1:5173', false],
  [['http://127.0.0.1:3000'], 'http://127.0.0.1:3000', true],
  [['http://127.0.0.1:3000'], 'http://2130706433:3000', false],
  [['http://127.0.0.1:3000'], 'http://127.1:3000', false],
  [['http://[::1]:3000'], 'http://[::1]:3000', true],
  [['http://[::1]:3000'], 'http://[0:0:0:0:0:0:0:1]:3000', false],
  [EXACT, 'https://[::1]', false],
  [['https://b\u00fccher.example'], 'https://xn--bcher-kva.example', true],
  [['https://*.b\u00fccher.example'], 'https://www.xn--bcher-kva.example', true],
  [['https://xn--bcher-kva.example'], 'https://b\u00fccher.example', false],
  [[...EXACT, ...BELOW, ...PLAIN], 'https://a.shop.example', true],
  [[...EXACT, ...BELOW, ...PLAIN], 'https://evil.com', false],
];

describe('a page', () => {
  test.each(CASES)('where %j are let in: %j is %j', (allowed, origin, isAllowed) => {
    expect(isAllowedOrigin(allowed.map(parseAllowedOrigin), origin)).toBe(isAllowed);
  });
});

describe('what an app lets in', () => {
  test.each([
    ['https://shop.example', 'https://shop.example'],
    ['HTTPS://Shop.Example:443', 'https://shop.example'],
    ['http://shop.example:80', 'http://shop.example'],
    ['http://shop.example:8080', 'http://shop.example:8080'],
    ['https://*.Shop.example', 'https://*.shop.example'],
    ['https://*.shop.example:8443', 'https://*.shop.example:8443'],
    ['https://B\u00fccher.example', 'https://xn--bcher-kva.example'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
  ])('%s is written %s', (text, written) => {
    expect(parseAllowedOrigin(text)).toBe(written);
  });

  test.each([
    '*',
    '',
    'null',
    'shop.example',
    '//shop.example',
    'https://',
    'https://*',
    'https://*.',
    'https://*.com',
    'https://*.127.0.0.1',
    'https://*.[::1]',
    'https://*shop.example',
    'https://a.*.example',
    'https://*.*.example',
    'https://shop.example/',
    'https://shop.example/chat',
    'https://shop.example?x',
    'https://user@shop.example',
    'https://shop.example.',
    'https://shop..example',
    'https://shop.example:99999',
    'https://shop%2eexample',
    'https://127.1',
    'ftp://shop.example',
    'https://a.example https://b.example',
  ])('%j is refused', (text) => {
    expect(() => parseAllowedOrigin(text)).toThrow(/is not an origin|comes a domain/);
  });
});
