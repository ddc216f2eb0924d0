import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { packageFolder } from '../../src/config/package.ts';
import { parseRetryAfter, RETRY_SCHEDULE, retryDelayMs } from '../../src/notifications/retry-schedule.ts';

const HOUR = 3_600_000;

test('the waits are those of the page, eight tries within a day', () => {
  const page = readFileSync(new URL('docs/notifications.md', packageFolder), 'utf8');
  const told = /tried again after (.*?), then failed/.exec(page)?.[1]?.split(', ') ?? [];
  const units: Record<string, number> = { s: 1000, min: 60_000, h: HOUR };
  const waits = told.map((wait) => {
    const [count, unit = ''] = wait.split(' ');
    return Number(count) * (units[unit] ?? Number.NaN);
  });
  expect(waits).toEqual(RETRY_SCHEDULE);
  expect(RETRY_SCHEDULE).toHaveLength(7);
  expect(RETRY_SCHEDULE.reduce((sum, wait) => sum + wait * 1.2, 0)).toBeLessThan(24 * HOUR);
});

test('a wait is longer by up to a fifth, and there is none after the last try', () => {
  expect(retryDelayMs([1000, 2000], 1, null, 0)).toBe(1000);
  expect(retryDelayMs([1000, 2000], 2, null, 0.5)).toBe(2200);
  expect(retryDelayMs([1000, 2000], 2, null, 1)).toBe(2400);
  expect(retryDelayMs([1000, 2000], 3, null, 0)).toBeUndefined();
  expect(retryDelayMs([1000, 2000], 3, 5000, 0)).toBeUndefined();
});

test('a receiver is left alone as long as it asks, within bounds', () => {
  expect(retryDelayMs([1000], 1, 500, 0)).toBe(1000);
  expect(retryDelayMs([1000], 1, 5000, 0)).toBe(5000);
  expect(retryDelayMs([1000], 1, 1000 * HOUR, 0)).toBe(12 * HOUR);
});

test('it may ask in seconds or by a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(parseRetryAfter('120', now)).toBe(120_000);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
  expect(parseRetryAfter('Thu, 01 Jan 2025 00:01:00 GMT', now)).toBe(0);
  for (const nonsense of [undefined, '', 'soon', '-5x']) expect(parseRetryAfter(nonsense, now)).toBeNull();
});
