import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import { parseTrustedProxies } from '../../src/config/trusted-proxies.ts';
import { clientAddress } from '../../src/http/client-address.ts';

const of = (ip: string | undefined, remoteAddress = '192.0.2.1') =>
  clientAddress({ ip, socket: { remoteAddress } } as Request);

describe('whom a request is counted for', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['203.0.113.7:51234', '203.0.113.7'],
    ['[2001:db8::1]:51234', '2001:db8:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:DB8:0:0:ffff::2', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
    ['unknown', '192.0.2.1'],
    ['<script>', '192.0.2.1'],
    ['1.2.3.4.5', '192.0.2.1'],
    [undefined, '192.0.2.1'],
  ])('%s is %s', (ip, name) => {
    expect(of(ip)).toBe(name);
  });

  test('proxies are trusted by their number or their addresses, and by nothing else', () => {
    expect(parseTrustedProxies('')).toBe(false);
    expect(parseTrustedProxies('0')).toBe(false);
    expect(parseTrustedProxies('2')).toBe(2);
    expect(parseTrustedProxies('loopback, 10.0.0.0/8,2001:db8::/32')).toEqual([
      'loopback',
      '10.0.0.0/8',
      '2001:db8::/32',
    ]);
    for (const wrong of [
      'true',
      '*',
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      'proxy.example.com',
      '1.2.3.4/8/8',
      ',',
    ]) {
      expect([wrong, parseTrustedProxies(wrong)]).toEqual([wrong, undefined]);
    }
  });
});
