import { describe, expect, test } from '@jest/globals';
import { FAULT_KINDS, type PlannedFault, planFaults } from '../../chaos/faults/plan.ts';
import { drawJob } from '../../chaos/load/mix.ts';
import { commandOf, parseOptions } from '../../chaos/options.ts';
import { seededRandom } from '../../chaos/random.ts';

function take(seed: number, count: number): PlannedFault[] {
  const plan = planFaults(seed, 400);
  return Array.from({ length: count }, () => plan.next().value);
}

describe('the faults of a run', () => {
  test('follow from the seed', () => {
    expect(take(7, 200)).toEqual(take(7, 200));
    expect(take(7, 200)).not.toEqual(take(8, 200));
  });

  test('are of every kind in any forty of a round, and of a thousand more than 600 are kills', () => {
    const kinds = take(1, 1000).map(({ kind }) => kind);
    expect(new Set(kinds.slice(0, 40))).toEqual(new Set(FAULT_KINDS));
    expect(kinds.filter((kind) => kind === 'SIGKILL').length).toBeGreaterThanOrEqual(600);
    expect(kinds.filter((kind) => kind === 'SIGSTOP').length).toBeGreaterThanOrEqual(100);
  });

  test('come at the pace that was asked for', () => {
    const pauses = take(3, 1000).map(({ afterMs }) => afterMs);
    const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
    expect(mean).toBeGreaterThan(380);
    expect(mean).toBeLessThan(420);
  });
});

describe('the executions of a run', () => {
  const jobs = (seed: number) => {
    const random = seededRandom(seed, 'jobs');
    return Array.from({ length: 200 }, (_, no) => drawJob(random, no));
  };

  test('follow from the seed', () => {
    expect(jobs(5)).toEqual(jobs(5));
    expect(jobs(5)).not.toEqual(jobs(6));
  });

  test('are of every kind', () => {
    const kinds = new Set(jobs(1).flatMap((job) => job.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual([
      'approval',
      'long-tool',
      'model-retry',
      'question',
      'side-by-side',
      'text',
      'thread',
    ]);
  });

  test('do not change because something else draws numbers', () => {
    const faults = seededRandom(5, 'faults');
    const before = seededRandom(5, 'jobs').next();
    faults.next();
    expect(seededRandom(5, 'jobs').next()).toBe(before);
    expect(faults.next()).not.toBe(before);
  });
});

describe('the options of a run', () => {
  test('are told by the command that makes it again', () => {
    const options = parseOptions(['--seed', '9', '--faults', '1000', '--servers', '3']);
    expect(options).toMatchObject({ seed: 9, faults: 1000, servers: 3 });
    const [, ...args] =
      commandOf(options)
        .split(' -- ')[1]
        ?.split(/ (?=--)/) ?? [];
    expect(parseOptions(['--seed', '9', ...args.flatMap((arg) => arg.split(' '))])).toEqual(options);
  });

  test.each([
    ['--seed', 'x'],
    ['--servers', '0'],
    ['--bogus', '1'],
  ])('refuse %s %s', (...args) => {
    expect(() => parseOptions(args)).toThrow();
  });
});
