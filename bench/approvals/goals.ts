import type { Goal } from '../report/scenario.ts';
import { median } from '../stats/percentile.ts';
import type { Measured } from './measured.ts';
import { columnsOf } from './world-columns.ts';

const MB = 1024 ** 2;

/** What waiting executions may cost at most. */
export function goalsOf({ empty, full, held, decided }: Measured): Goal[] {
  const [none, all] = [columnsOf(empty), columnsOf(full)];
  const atMost = (what: string, actual: number, limit: number, unit: string): Goal => ({
    what,
    actual,
    must: 'be at most',
    limit,
    unit,
  });
  const heapOfMaker = (held.after.heapUsed - held.before.heapUsed) / MB;
  const outputs = decided.many.map(({ output }) => output);
  return [
    atMost('heap more with them', all['heap after GC, MB'] - none['heap after GC, MB'], 20, 'MB'),
    atMost('RSS more with them', all['RSS, MB'] - none['RSS, MB'], 20, 'MB'),
    atMost('heap more in the server that suspended them, since it was warm', heapOfMaker, 20, 'MB'),
    atMost('transactions more while idle', all['transactions/s'] - none['transactions/s'], 1, '/s'),
    atMost('start later with them', all.start - none.start, 1000, 'ms'),
    atMost('from the decision to the output of the tool, p50', median(outputs), 50, 'ms'),
  ];
}
