import type { Cores } from '../processes/cpu-meter.ts';
import type { Line } from '../report/scenario.ts';
import { median, percentile } from '../stats/percentile.ts';

/** Chunks that did not come as they should have. */
export interface Faults {
  lost: number;
  doubled: number;
  disordered: number;
}

/** What came out of a load on a contestant. */
export interface Outcome extends Faults {
  chunksPerSecond: number;
  /** Milliseconds from append to reader. */
  latencies: Float64Array;
  /** Undefined when nobody counts them. */
  commitsPerSecond: number | undefined;
  cores: Cores;
}

/** Several outcomes of the same as one: all latencies, the sums of the faults, medians of the rest. */
export function pool(outcomes: readonly Outcome[]): Outcome {
  const sum = (key: keyof Faults) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const commits = outcomes.flatMap(({ commitsPerSecond }) => commitsPerSecond ?? []);
  const parts = Object.keys(outcomes[0]?.cores ?? {});
  return {
    chunksPerSecond: median(outcomes.map((outcome) => outcome.chunksPerSecond)),
    latencies: Float64Array.from(outcomes.flatMap((outcome) => [...outcome.latencies])),
    commitsPerSecond: commits.length === 0 ? undefined : median(commits),
    cores: Object.fromEntries(
      parts.map((part) => [part, median(outcomes.map(({ cores }) => cores[part] ?? 0))]),
    ),
    lost: sum('lost'),
    doubled: sum('doubled'),
    disordered: sum('disordered'),
  };
}

export function p50Of({ latencies }: Outcome): number {
  return percentile(latencies, 0.5);
}

export function p99Of({ latencies }: Outcome): number {
  return percentile(latencies, 0.99);
}

export function faultsOf({ lost, doubled, disordered }: Faults): number {
  return lost + doubled + disordered;
}

/** A line of a table. */
export function lineOf(name: string, outcome: Outcome): Line {
  const { chunksPerSecond, commitsPerSecond, lost, doubled, disordered, cores } = outcome;
  const numbers: Record<string, number | string> = { 'chunks/s': Math.round(chunksPerSecond) };
  if (outcome.latencies.length > 0) Object.assign(numbers, { p50: p50Of(outcome), p99: p99Of(outcome) });
  Object.assign(numbers, { lost, doubled, disordered });
  numbers['commits/s'] = commitsPerSecond === undefined ? '–' : Math.round(commitsPerSecond);
  for (const [part, busy] of Object.entries(cores)) numbers[`${part}, cores`] = busy;
  return { name, numbers };
}
