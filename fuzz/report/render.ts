import type { Failure, Findings } from '../hunt.ts';
import type { FuzzOptions } from '../options.ts';

const SHOWN = 20;

/** What each route was answered with, so that one sees how deep the requests got. */
export function renderStatuses({ statuses }: Findings): string {
  return [...statuses]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([operation, counts]) => {
      const inOrder = [...counts].sort(([a], [b]) => a - b).map(([status, n]) => `${status || 'left'}: ${n}`);
      return `${operation.padEnd(54)} ${inOrder.join('  ')}`;
    })
    .join('\n');
}

/** What is wrong, and how to see it again. @param after what was wrong with the server at the end */
export function renderFailures(
  { sent, failures }: Findings,
  after: readonly string[],
  { seed, requests }: FuzzOptions,
): string {
  const again = `npm run fuzz -- --seed ${seed} --requests ${requests}`;
  const shown = [...failures.map(renderFailure), ...after.slice(0, SHOWN)];
  const verdict = shown.length === 0 ? 'nothing is wrong' : `${failures.length + after.length} faults`;
  return [...shown, `${sent} requests: ${verdict} (${again})`].join('\n\n');
}

function renderFailure({ operation, caller, faults, curl }: Failure): string {
  return [`${operation}, asked by ${caller}:`, ...faults.map((fault) => `  ${fault}`), `  ${curl}`].join(
    '\n',
  );
}
