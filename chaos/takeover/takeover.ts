import { parseArgs } from 'node:util';
import { isMet } from '../../bench/report/scenario.ts';
import { percentile } from '../../bench/stats/percentile.ts';
import { canIsolate } from '../cluster/host.ts';
import { table } from '../report/table.ts';
import { type Takeover, takeOver } from './take-over.ts';
import { VARIANTS } from './variants.ts';

const DEFAULT_EXECUTIONS = 300;

/**
 * `npm run chaos -- takeover`: three processes with the default lease run many executions, one of them dies, and
 * everybody who reads waits for the next chunk. @returns whether the goals are met
 */
export async function measureTakeover(args: string[]): Promise<boolean> {
  const { values } = parseArgs({ args, options: { executions: { type: 'string' } } });
  const executions = Number(values.executions ?? DEFAULT_EXECUTIONS);
  if (!(await canIsolate())) {
    console.error('NOT MEASURED: pid namespaces are not permitted here, so nothing looks like another host.');
    return false;
  }
  const found: { name: string; takeover: Takeover; limitMs: number }[] = [];
  for (const variant of VARIANTS) {
    console.error(`${variant.name}: ${executions} executions`);
    found.push({ ...variant, takeover: await takeOver(variant, executions) });
  }
  const rows = found.map(({ name, takeover: { next, missing, restartMs, ...others }, limitMs }) => [
    name,
    String(next.length),
    String(missing),
    ...[0.5, 0.99, 1].map((share) => seconds(percentile(next, share))),
    seconds(limitMs),
    restartMs === undefined ? '' : seconds(restartMs),
    seconds(others.usualMs),
    seconds(others.othersLongestMs),
  ]);
  const head = [
    'what dies',
    'executions',
    'missing',
    'p50 s',
    'p99 s',
    'longest s',
    'goal p99 s',
    'of that its start',
  ];
  console.log(`\n${table([...head, 'others before, longest s', 'others after, longest s'], rows)}\n`);
  return found.every(({ takeover, limitMs }) => {
    const actual = percentile(takeover.next, 0.99);
    const isInTime = isMet({
      what: 'next chunk p99',
      actual,
      must: 'be at most',
      limit: limitMs,
      unit: 'ms',
    });
    return takeover.missing === 0 && isInTime;
  });
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
