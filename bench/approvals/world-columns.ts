import { median } from '../stats/percentile.ts';
import type { World } from './measured.ts';

const MB = 1024 ** 2;

/** What a server was like, over all the times that it was started. */
export function columnsOf({ boots, idles, memories }: World) {
  return {
    'heap after GC, MB': mean(memories.map(({ heapUsed }) => heapUsed)) / MB,
    'RSS, MB': mean(memories.map(({ rss }) => rss)) / MB,
    'transactions/s': mean(idles.map(({ transactionsPerSecond }) => transactionsPerSecond)),
    'process, cores': mean(idles.map(({ cores }) => cores['process'] ?? 0)),
    'Postgres, cores': mean(idles.map(({ cores }) => cores['Postgres'] ?? 0)),
    'others, cores': mean(idles.map(({ cores }) => cores['others'] ?? 0)),
    start: median(boots),
  };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
