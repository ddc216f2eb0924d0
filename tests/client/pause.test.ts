import { describe, expect, test } from '@jest/globals';
import { OutlastProblem } from '../../packages/client/src/index.ts';
import { pause, pauseBefore } from '../../packages/client/src/stream/pause.ts';

const cut = new TypeError('terminated');
const busy = new OutlastProblem(429, new Headers({ 'retry-after': '7' }), { code: 'busy' });

/** Timers that run when the test says so, and a page that wakes when it says so. */
function clockwork() {
  const timers: { ms: number; call: () => void }[] = [];
  const listeners = new Set<() => void>();
  const environment = {
    now: () => 0,
    wall: () => 0,
    random: () => 0.5,
    after: (ms: number, call: () => void) => {
      const timer = { ms, call };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    onWake: (call: () => void) => {
      listeners.add(call);
      return () => void listeners.delete(call);
    },
  };
  const wake = () => {
    for (const listener of listeners) listener();
  };
  return { environment, timers, listeners, wake };
}

describe('the pause before another try', () => {
  test('is anything up to a bound that doubles from 1 s to 30 s', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => pauseBefore(failures, cut, () => 1));
    expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(pauseBefore(6, cut, () => 0)).toBe(0);
    expect(pauseBefore(3, cut, () => 0.25)).toBe(1000);
  });

  test('is never shorter than the server asks for', () => {
    expect([pauseBefore(1, busy, () => 0), pauseBefore(1, busy, () => 1)]).toEqual([7000, 8000]);
  });

  test('ends when its time is up, and leaves nothing behind', async () => {
    const { environment, timers, listeners } = clockwork();
    const paused = pause(environment, 2, cut, new AbortController().signal);
    expect(timers.map(({ ms }) => ms)).toEqual([1000]);
    timers[0]?.call();
    await paused;
    expect([timers.length, listeners.size]).toEqual([0, 0]);
  });

  test('ends at once when the network is back or the page is looked at', async () => {
    const { environment, timers, wake } = clockwork();
    const paused = pause(environment, 6, cut, new AbortController().signal);
    wake();
    await paused;
    expect(timers).toEqual([]);
  });

  test('does not end early when the server has said how long it is', () => {
    const { environment, timers, listeners } = clockwork();
    void pause(environment, 1, busy, new AbortController().signal);
    expect([timers.map(({ ms }) => ms), listeners.size]).toEqual([[7500], 0]);
  });

  test('ends at the abort', async () => {
    const { environment, timers } = clockwork();
    const controller = new AbortController();
    const paused = pause(environment, 6, cut, controller.signal);
    controller.abort();
    await paused;
    expect(timers).toEqual([]);
    await pause(environment, 6, cut, controller.signal);
    expect(timers).toEqual([]);
  });
});
