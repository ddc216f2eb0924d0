import { describe, expect, test } from '@jest/globals';
import { faultOfSchedule, lastDue, nextDue, nextDues } from '../../src/automations/schedule.ts';

function dues(cron: string, timezone: string, after: string, count: number): string[] {
  return nextDues({ cron, timezone }, new Date(after), count).map((due) => due.toISOString());
}

describe('a schedule', () => {
  test('comes due by the minute or the second', () => {
    expect(dues('*/15 * * * *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-01-01T00:15:00.000Z',
      '2026-01-01T00:30:00.000Z',
    ]);
    expect(dues('*/10 * * * * *', 'UTC', '2026-01-01T00:00:00.500Z', 1)).toEqual([
      '2026-01-01T00:00:10.000Z',
    ]);
  });

  test.each([
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T20:00:00Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ],
    [
      'America/New_York',
      '30 2 * * *',
      '2026-03-08T04:00:00Z',
      '2026-03-08T07:00:00.000Z',
      '2026-03-09T06:30:00.000Z',
    ],
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T10:00:00Z',
      '2026-10-03T15:30:00.000Z',
      '2026-10-04T15:15:00.000Z',
    ],
    [
      'Europe/Berlin',
      '15,30 2 * * *',
      '2026-03-28T20:00:00Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:15:00.000Z',
    ],
  ])(
    'in %s fires %s once, right after the gap, when the clock goes forward',
    (zone, cron, after, first, second) => {
      expect(dues(cron, zone, after, 2)).toEqual([first, second]);
    },
  );

  test.each([
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2026-10-24T20:00:00Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ],
    [
      'America/New_York',
      '30 1 * * *',
      '2026-11-01T04:00:00Z',
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ],
    [
      'Australia/Lord_Howe',
      '45 1 * * *',
      '2026-04-04T10:00:00Z',
      '2026-04-04T14:45:00.000Z',
      '2026-04-05T15:15:00.000Z',
    ],
  ])('in %s fires %s once, the first time, when the clock goes back', (zone, cron, after, first, second) => {
    expect(dues(cron, zone, after, 2)).toEqual([first, second]);
  });

  test('with a step goes by the time that passes', () => {
    expect(dues('*/30 * * * *', 'America/New_York', '2026-03-08T06:15:00Z', 3)).toEqual([
      '2026-03-08T06:30:00.000Z',
      '2026-03-08T07:00:00.000Z',
      '2026-03-08T07:30:00.000Z',
    ]);
    expect(dues('30 * * * *', 'America/New_York', '2026-11-01T05:00:00Z', 3)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-01T06:30:00.000Z',
      '2026-11-01T07:30:00.000Z',
    ]);
  });

  test('knows its due times in both directions', () => {
    const schedule = { cron: '0 9 * * MON-FRI', timezone: 'Asia/Tokyo' };
    const due = nextDue(schedule, new Date('2026-11-20T12:00:00Z'));
    expect(due?.toISOString()).toBe('2026-11-23T00:00:00.000Z');
    expect(lastDue(schedule, due as Date)?.toISOString()).toBe('2026-11-20T00:00:00.000Z');
  });

  test.each([
    ['60 * * * *', 'UTC', 'cron'],
    ['* * * *', 'UTC', 'cron'],
    ['* * * * * * *', 'UTC', 'cron'],
    ['@daily', 'UTC', 'cron'],
    ['2030-01-01T00:00:00', 'UTC', 'cron'],
    ['0 0 30 2 *', 'UTC', 'cron'],
    ['every day', 'UTC', 'cron'],
    ['0 0 * * *', 'Mars/Base', 'timezone'],
    ['0 0 * * *', '+02:00', 'timezone'],
  ])('is refused as %s in %s', (cron, timezone, field) => {
    expect(faultOfSchedule({ cron, timezone })).toMatchObject({ field });
  });

  test('is taken with names, ranges, steps, lists and the last day of a month', () => {
    for (const cron of ['0 9 * JAN,DEC MON-FRI', '0 0 L * *', '*/5 8-18/2 1,15 * *', '0 0 29 2 *'])
      expect(faultOfSchedule({ cron, timezone: 'Europe/Berlin' })).toBeUndefined();
  });
});
