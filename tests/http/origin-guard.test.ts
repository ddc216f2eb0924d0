import { describe, expect, test } from '@jest/globals';
import { originGuard } from '../../src/http/origin-guard.ts';

const guard = originGuard(['https://app.example.com', 'http://lan:8080/'], true);

describe('the guard of open mode', () => {
  test.each([
    [{ host: 'localhost:4400' }, undefined],
    [{ host: '127.0.0.1:4400', origin: 'http://127.0.0.1:4400' }, undefined],
    [{ host: '[::1]:4400', origin: 'http://[::1]:4400' }, undefined],
    [{ host: 'localhost:4400', origin: 'https://app.example.com' }, 'https://app.example.com'],
    [{ host: 'app.example.com', origin: 'https://app.example.com' }, 'https://app.example.com'],
    [{ host: 'lan:8080', origin: 'http://lan:8080' }, 'http://lan:8080'],
  ])('lets %j in', (headers, origin) => {
    expect(guard.check(headers)).toBe(origin);
  });

  test.each([
    {},
    { host: '' },
    { host: 'example.com' },
    { host: 'lan:8081' },
    { host: 'lan' },
    { host: 'localhost.' },
    { host: 'notlocalhost' },
    { host: 'user@localhost' },
    { host: 'localhost:4400/evil' },
    { host: 'localhost:x' },
    { host: '127.0.0.1.nip.io' },
    { host: '127.0.0.999' },
    { host: '127.1' },
    { host: '2130706433' },
    { host: '0x7f.0.0.1' },
    { host: '0.0.0.0:4400' },
    { host: '[::]:4400' },
    { host: '[::ffff:10.0.0.1]' },
    { host: 'localhost:4400', origin: 'http://localhost:4401' },
    { host: 'localhost:4400', origin: 'https://localhost:4400' },
    { host: 'localhost:4400', origin: 'http://127.0.0.1:4400' },
    { host: 'localhost:4400', origin: 'null' },
    { host: 'localhost:4400', origin: '' },
    { host: 'localhost:4400', origin: 'https://app.example.com.evil.com' },
    { host: 'localhost:4400', origin: 'http://app.example.com' },
    { host: 'localhost:4400', origin: 'chrome-extension://abc' },
  ])('keeps %j out', (headers) => {
    expect(() => guard.check(headers)).toThrow(expect.objectContaining({ code: 'origin-not-allowed' }));
  });
});

describe('the guard of a server that asks who it is', () => {
  const asking = originGuard(['https://app.example.com'], false);

  test.each([
    [{ host: 'outlast.example.com' }, undefined],
    [{ host: '10.0.0.1' }, undefined],
    [{ host: 'outlast.example.com', origin: 'https://app.example.com' }, 'https://app.example.com'],
    [{ host: 'outlast.example.com', origin: 'https://evil.com' }, undefined],
    [{ host: 'outlast.example.com', origin: 'null' }, undefined],
  ])('%j may ask, and a page reads the answer only when it was allowed by name', (headers, allowed) => {
    expect(asking.check(headers)).toBe(allowed);
  });
});
