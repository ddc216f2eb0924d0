import { describe, expect, test } from '@jest/globals';
import { MOST_COUNTED, sortDue } from '../../src/automations/sort-due.ts';

const EVERY_SECOND = { cron: '* * * * * *', timezone: 'UTC' };
const at = (time: string) => new Date(`2026-01-01T${time}Z`);
const times = (dates: readonly Date[]) => dates.map((date) => date.toISOString().slice(11, 19));

describe('what is due', () => {
  test('is fired late while somebody was there', () => {
    const { timely, missed, next } = sortDue(EVERY_SECOND, at('00:00:01'), at('00:00:04.200'), null);
    expect(times(timely)).toEqual(['00:00:01', '00:00:02', '00:00:03', '00:00:04']);
    expect(missed).toBeUndefined();
    expect(next).toEqual(at('00:00:05'));
  });

  test('was missed if it was due before somebody came back', () => {
    const { timely, missed, next } = sortDue(
      EVERY_SECOND,
      at('00:00:01'),
      at('00:00:12.100'),
      at('00:00:12'),
    );
    expect(missed).toEqual({ first: at('00:00:01'), last: at('00:00:11'), count: 11 });
    expect(times(timely)).toEqual(['00:00:12']);
    expect(next).toEqual(at('00:00:13'));
  });

  test('is on time if somebody came back in that second', () => {
    const hourly = { cron: '0 * * * *', timezone: 'UTC' };
    const { timely, missed } = sortDue(hourly, at('05:00:00'), at('05:00:00.900'), at('05:00:00.800'));
    expect(times(timely)).toEqual(['05:00:00']);
    expect(missed).toBeUndefined();
  });

  test('was missed when it was not fired for a minute, though somebody was there', () => {
    const { timely, missed } = sortDue(EVERY_SECOND, at('00:00:01'), at('00:01:10'), null);
    expect(missed).toEqual({ first: at('00:00:01'), last: at('00:00:10'), count: 10 });
    expect(timely).toHaveLength(60);
  });

  test('for years is counted up to a limit, and its last one is known', () => {
    const { missed, timely } = sortDue(EVERY_SECOND, new Date(0), at('00:00:10'), at('00:00:10'));
    expect(missed).toEqual({ first: new Date(0), last: at('00:00:09'), count: MOST_COUNTED });
    expect(times(timely)).toEqual(['00:00:10']);
  });
});
